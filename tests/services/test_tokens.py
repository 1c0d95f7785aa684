import pytest

from mmaq.base.errors import ServiceError
from mmaq.services import tokens
from mmaq.services.client import Client
from mmaq.services.credentials import Credentials
from mmaq.services.endpoints import service
from mmaq.services.faults import Refused
from tests.servers.data_space import PASSWORD, USER, Entry, data_space
from tests.servers.faulty import Status, faulty


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(tokens.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def _asking(answers, forms):
    def ask(url, form):
        forms.append(form)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def _answer(number):
    return {"access_token": f"a{number}", "expires_in": 600, "refresh_token": f"r{number}",
            "refresh_expires_in": 3600}  # fmt: skip


def _tokens(answers, forms, totp=""):
    account = Credentials("user", "word", totp)
    return tokens.Tokens("https://identity/token", account, _asking(answers, forms))


def test_a_token_is_kept_then_renewed_before_its_end(clock):
    forms = []
    kept = _tokens([_answer(1), _answer(2)], forms)
    assert [kept.bearer(), kept.bearer()] == ["a1", "a1"]
    clock.now += 530
    assert kept.bearer() == "a1"
    clock.now += 15  # 55 s before the end
    assert kept.bearer() == "a2"
    assert forms == [
        {"client_id": "cdse-public", "grant_type": "password", "username": "user",
         "password": "word"},
        {"client_id": "cdse-public", "grant_type": "refresh_token", "refresh_token": "r1"},
    ]  # fmt: skip


def test_a_refused_renewal_logs_in_anew_once(clock):
    forms = []
    refused = Refused("https://identity/token", "answers 400", "x")
    kept = _tokens([_answer(1), refused, _answer(2), refused, refused], forms)
    kept.bearer()
    clock.now += 600
    assert kept.bearer() == "a2"
    assert [form["grant_type"] for form in forms] == ["password", "refresh_token", "password"]
    clock.now += 600
    with pytest.raises(Refused):
        kept.bearer()
    assert len(forms) == 5


def test_after_the_last_moment_of_renewal_one_logs_in(clock):
    forms = []
    kept = _tokens([_answer(1), _answer(2)], forms)
    kept.bearer()
    clock.now += 3600
    assert kept.bearer() == "a2"
    assert forms[1]["grant_type"] == "password"


def test_an_old_tokens_refusal_does_not_end_the_new_one(clock):
    forms = []
    kept = _tokens([_answer(1), _answer(2)], forms)
    kept.bearer()
    kept.refused("another")
    assert kept.bearer() == "a1"
    kept.refused("a1")
    assert kept.bearer() == "a2"


def test_a_second_factor_is_sent_with_each_login(clock, monkeypatch):
    monkeypatch.setattr(tokens.time, "time", lambda: 59.0)
    forms = []
    _tokens([_answer(1)], forms, totp="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").bearer()
    assert forms[0]["totp"] == "287082"


@pytest.mark.parametrize("answer", [{}, [], {"access_token": "a", "expires_in": "soon"}, None])
def test_an_answer_without_a_token_is_named(clock, answer):
    with pytest.raises(ServiceError, match=r"^https://identity/token: its answer holds no access"):
        _tokens([answer], []).bearer()


@pytest.fixture
def space(files, monkeypatch):
    (files / "a.nc").write_bytes(b"content of a granule")
    entry = Entry("A", files / "a.nc", "SENTINEL-5P", "L2__NO2___", "2024-01-01T00:00:00Z",
                  "2024-01-01T01:00:00Z", "POINT(0 0)")  # fmt: skip
    monkeypatch.setenv("CDSE_USERNAME", USER)
    monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    with data_space([entry], files) as started:
        yield started


def _download(space, client):
    (identity,) = space.entries
    return client.get(f"{client.service.url}/Products({identity})/$value").content


def test_an_ended_token_is_replaced_within_a_request(space):
    with Client(service("cdse", space.endpoints)) as client:
        assert _download(space, client) == b"content of a granule"
        space.end_tokens()
        assert _download(space, client) == b"content of a granule"
    assert (space.logins, space.renewals) == (1, 1)


def test_the_service_that_takes_no_renewal_is_logged_in_to_anew(space):
    space.refuse_renewal = True
    with Client(service("cdse", space.endpoints)) as client:
        _download(space, client)
        space.end_tokens()
        assert _download(space, client) == b"content of a granule"
    assert (space.logins, space.renewals) == (2, 1)


def test_short_lived_tokens_never_reach_their_end(space, monkeypatch):
    space.lasts = 1.0
    with Client(service("cdse", space.endpoints)) as client:
        for _ in range(12):
            _download(space, client)
            tokens.time.sleep(0.1)
    assert space.renewals >= 1
    assert [asked.status for asked in space.server.log].count(401) == 0


def test_a_wrong_password_is_refused_at_once_and_not_shown(space, monkeypatch, waits):
    monkeypatch.setenv("CDSE_PASSWORD", "not the password")
    client = Client(service("cdse", space.endpoints))
    with pytest.raises(
        Refused, match=r"/auth/token: answers 401 Unauthorized\. Check user and"
    ) as e:
        _download(space, client)
    assert "not the password" not in str(e.value)
    assert space.logins == 1
    assert waits == []


def test_the_identity_service_is_asked_again_when_it_is_busy(space, waits):
    space.server.script("/auth/token", Status(503), Status(429, {"Retry-After": "9"}))
    with Client(service("cdse", space.endpoints)) as client:
        assert _download(space, client) == b"content of a granule"
    assert len(waits) == 2
    assert waits[1] == 9.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_log_in_is_posted_to_no_other_host(space, files, status):
    with faulty(files) as other, Client(service("cdse", space.endpoints)) as client:
        moved = Status(status, {"Location": f"{other.url}/auth/token?session=1"})
        space.server.script("/auth/token", moved)
        with pytest.raises(ServiceError) as raised:
            _download(space, client)
        assert other.log == []
        assert str(raised.value) == (
            f"{space.endpoints['cdse-identity']}: sends the log-in on to another address, "
            f"{other.url}/auth/token. Check its address in acquire.endpoints; nothing was sent "
            "there."
        )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_log_in_follows_its_own_host(space, status):
    space.server.script("/auth/token", Status(status, {"Location": "/auth/token"}))
    with Client(service("cdse", space.endpoints)) as client:
        assert _download(space, client) == b"content of a granule"
