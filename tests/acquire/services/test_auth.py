import pytest

from mmaq.acquire.services import auth
from mmaq.acquire.services.auth import Credentials, Tokens, available, credentials, described
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.faults import Refused
from mmaq.base.errors import ServiceError
from tests.servers.data_space import PASSWORD, USER, Entry, data_space
from tests.servers.faulty import Status, faulty

HOST = "identity.dataspace.copernicus.eu"
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890" in base 32


def test_the_environment_comes_first(monkeypatch, home):
    (home / ".netrc").write_text(f"machine {HOST} login other password otherword\n")
    monkeypatch.setenv("CDSE_USERNAME", "user")
    monkeypatch.setenv("CDSE_TOTP", "123456")
    assert credentials("cdse", HOST).user == "other"  # half an account is none
    monkeypatch.setenv("CDSE_PASSWORD", "word")
    assert credentials("cdse", HOST) == Credentials("user", "word", "123456")
    monkeypatch.setenv("OPENAQ_API_KEY", "key")
    assert credentials("openaq", "api.openaq.org") == Credentials("", "key")


def test_netrc_is_used_for_exactly_its_host(home):
    text = f"machine {HOST} login user password word\ndefault login anyone password leaked\n"
    (home / ".netrc").write_text(text)
    assert credentials("cdse", HOST) == Credentials("user", "word")
    for other in ("example.org", f"x{HOST}", ""):
        assert not available("cdse", other)
        with pytest.raises(ServiceError, match="none is found"):
            credentials("cdse", other)


def test_the_object_store_has_a_profile_of_its_own(home, monkeypatch):
    (home / ".aws").mkdir()
    text = "[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n"
    path = home / ".aws" / "credentials"
    path.write_text(text)
    assert not available("cdse-s3", "eodata")
    path.write_text(text + "[cdse]\naws_access_key_id = key\naws_secret_access_key = secret%x\n")
    assert credentials("cdse-s3", "eodata") == Credentials("key", "secret%x")
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "first")
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "one")
    assert credentials("cdse-s3", "eodata") == Credentials("first", "one")


def test_what_lacks_is_named():
    with pytest.raises(ServiceError) as raised:
        credentials("cdse", HOST)
    assert str(raised.value) == (
        f"{HOST}: needs a free account of the Copernicus Data Space, and none is found. "
        f"Set CDSE_USERNAME and CDSE_PASSWORD in the environment, or write a line for {HOST} "
        "in .netrc."
    )
    assert "CDSE_USERNAME" in described("cdse")
    assert described("none") == "no account"
    assert available("none", "example.org")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".netrc", f"machine {HOST} login user hunter2hunter2\n"),
        (".aws/credentials", "hunter2hunter2\n"),
    ],
)
def test_a_broken_file_is_named_but_not_quoted(home, name, text):
    path = home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(ServiceError, match=r"not a") as raised:
        credentials("cdse-s3", HOST)
    assert str(path) in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_nothing_of_it_is_shown():
    shown = f"{Credentials('user', 'word', '123456')!r} {[Credentials('user', 'word')]}"
    assert not any(secret in shown for secret in ("user", "word", "123456"))


@pytest.mark.parametrize(
    ("now", "code"),
    # RFC 6238, appendix B, for SHA-1: the last six of its eight digits.
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_one_time_codes_are_those_of_the_standard(now, code):
    assert Credentials("", "", KEY).one_time_code(now) == code
    assert Credentials("", "", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq").one_time_code(now) == code


def test_digits_are_taken_as_they_are_and_nonsense_is_refused():
    assert Credentials("", "", "654321").one_time_code(0) == "654321"
    assert Credentials("", "").one_time_code(0) == ""
    with pytest.raises(ServiceError, match=r"^CDSE_TOTP: neither six digits nor a key") as raised:
        Credentials("", "", "no-key!").one_time_code(0)
    assert "no-key" not in str(raised.value)


class Identity:
    """Tokens of an account, from answers that are given; ``now`` is the clock, ``forms`` asked."""

    def __init__(self, monkeypatch, *answers, totp=""):
        self.now, self.forms, self._answers = 1000.0, [], list(answers)
        monkeypatch.setattr(auth.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(auth.time, "time", lambda: 59.0)
        account = Credentials("user", "word", totp)
        self.tokens = Tokens("https://identity/token", account, self._ask)

    def _ask(self, url, form):
        self.forms.append(form)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def after(self, seconds):
        self.now += seconds
        return self.tokens.bearer()

    @property
    def grants(self):
        return [form["grant_type"] for form in self.forms]


def _answer(number):
    return {"access_token": f"a{number}", "expires_in": 600, "refresh_token": f"r{number}",
            "refresh_expires_in": 3600}  # fmt: skip


REFUSED = Refused("https://identity/token", "answers 400", "x")


def test_a_token_is_kept_then_renewed_before_its_end(monkeypatch):
    identity = Identity(monkeypatch, _answer(1), _answer(2))
    assert [identity.after(0), identity.after(530)] == ["a1", "a1"]
    assert identity.after(15) == "a2"  # 55 s before the end
    assert identity.forms == [
        {"client_id": "cdse-public", "grant_type": "password", "username": "user",
         "password": "word"},
        {"client_id": "cdse-public", "grant_type": "refresh_token", "refresh_token": "r1"},
    ]  # fmt: skip


def test_a_refused_renewal_logs_in_anew_once(monkeypatch):
    identity = Identity(monkeypatch, _answer(1), REFUSED, _answer(2), REFUSED, REFUSED)
    identity.after(0)
    assert identity.after(600) == "a2"
    assert identity.grants == ["password", "refresh_token", "password"]
    with pytest.raises(Refused):
        identity.after(600)
    assert len(identity.forms) == 5


def test_after_the_last_moment_of_renewal_one_logs_in(monkeypatch):
    identity = Identity(monkeypatch, _answer(1), _answer(2), totp=KEY)
    assert [identity.after(0), identity.after(3600)] == ["a1", "a2"]
    assert identity.grants == ["password"] * 2
    assert [form["totp"] for form in identity.forms] == ["287082"] * 2


def test_an_old_tokens_refusal_does_not_end_the_new_one(monkeypatch):
    identity = Identity(monkeypatch, _answer(1), _answer(2))
    identity.after(0)
    identity.tokens.refused("another")
    assert identity.after(0) == "a1"
    identity.tokens.refused("a1")
    assert identity.after(0) == "a2"


@pytest.mark.parametrize("answer", [{}, [], {"access_token": "a", "expires_in": "soon"}, None])
def test_an_answer_without_a_token_is_named(monkeypatch, answer):
    with pytest.raises(ServiceError, match=r"^https://identity/token: its answer holds no access"):
        Identity(monkeypatch, answer).after(0)


@pytest.fixture
def space(files, monkeypatch):
    (files / "a.nc").write_bytes(b"content of a granule")
    entry = Entry("A", files / "a.nc", "SENTINEL-5P", "L2__NO2___", "2024-01-01T00:00:00Z",
                  "2024-01-01T01:00:00Z", "POINT(0 0)")  # fmt: skip
    monkeypatch.setenv("CDSE_USERNAME", USER)
    monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    with data_space([entry], files) as started:
        yield started


def _download(space, client=None):
    (identity,) = space.entries
    client = client or Client(service("cdse", space.endpoints))
    return client.get(f"{client.service.url}/Products({identity})/$value").content


@pytest.mark.parametrize(("refuse", "logins"), [(False, 1), (True, 2)])
def test_an_ended_token_is_replaced_within_a_request(space, refuse, logins):
    space.refuse_renewal = refuse
    with Client(service("cdse", space.endpoints)) as client:
        assert _download(space, client) == b"content of a granule"
        space.end_tokens()
        assert _download(space, client) == b"content of a granule"
    assert (space.logins, space.renewals) == (logins, 1)


def test_short_lived_tokens_never_reach_their_end(space, monkeypatch):
    now, answer = 1000.0, space.server.answer

    def under_way(asked):
        nonlocal now
        now += 0.04
        return answer(asked)

    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    monkeypatch.setattr(space.server, "answer", under_way)
    space.lasts = 0.5
    with Client(service("cdse", space.endpoints)) as client:
        for _ in range(15):
            _download(space, client)
    assert space.renewals >= 1
    assert [asked.status for asked in space.server.log].count(401) == 0


def test_a_wrong_password_is_refused_at_once_and_not_shown(space, monkeypatch, waits):
    monkeypatch.setenv("CDSE_PASSWORD", "not the password")
    told = r"/auth/token: answers 401 Unauthorized\. Check user and"
    with pytest.raises(Refused, match=told) as raised:
        _download(space)
    assert "not the password" not in str(raised.value)
    assert space.logins == 1
    assert waits == []


def test_the_identity_service_is_asked_again_when_it_is_busy(space, waits):
    space.server.script("/auth/token", Status(503), Status(429, {"Retry-After": "9"}))
    assert _download(space) == b"content of a granule"
    assert len(waits) == 2
    assert waits[1] == 9.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_log_in_is_posted_to_its_own_host_alone(space, files, status):
    with faulty(files) as other:
        moved = Status(status, {"Location": f"{other.url}/auth/token?session=1"})
        space.server.script("/auth/token", moved)
        with pytest.raises(ServiceError) as raised:
            _download(space)
        assert other.log == []
        assert str(raised.value) == (
            f"{space.endpoints['cdse-identity']}: sends the log-in on to another address, "
            f"{other.url}/auth/token. Check its address in acquire.endpoints; nothing was sent "
            "there."
        )
    if status != 303:  # which makes a GET of it
        space.server.script("/auth/token", Status(status, {"Location": "/auth/token"}))
        assert _download(space) == b"content of a granule"
