import pytest

from mmaq.base.errors import ServiceError
from mmaq.services.credentials import Credentials, available, credentials, described

HOST = "identity.dataspace.copernicus.eu"


def test_the_environment_comes_first(monkeypatch, home):
    (home / ".netrc").write_text(f"machine {HOST} login other password otherword\n")
    monkeypatch.setenv("CDSE_USERNAME", "user")
    monkeypatch.setenv("CDSE_PASSWORD", "word")
    monkeypatch.setenv("CDSE_TOTP", "123456")
    assert credentials("cdse", HOST) == Credentials("user", "word", "123456")


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


def test_openaq_needs_a_key_alone(monkeypatch):
    monkeypatch.setenv("OPENAQ_API_KEY", "key")
    assert credentials("openaq", "api.openaq.org") == Credentials("", "key")


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


def test_half_an_account_is_none(monkeypatch):
    monkeypatch.setenv("CDSE_USERNAME", "user")
    assert not available("cdse", HOST)


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
    assert not {"user", "word", "123456"} & set(shown.replace("(", " ").replace(")", " ").split())
    assert "word" not in shown


@pytest.mark.parametrize(
    ("now", "code"),
    # RFC 6238, appendix B, for SHA-1: the last six of its eight digits.
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_one_time_codes_are_those_of_the_standard(now, code):
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890" in base 32
    assert Credentials("", "", key).one_time_code(now) == code
    assert Credentials("", "", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq").one_time_code(now) == code


def test_digits_are_taken_as_they_are_and_nonsense_is_refused():
    assert Credentials("", "", "654321").one_time_code(0) == "654321"
    assert Credentials("", "").one_time_code(0) == ""
    with pytest.raises(ServiceError, match=r"^CDSE_TOTP: neither six digits nor a key") as raised:
        Credentials("", "", "no-key!").one_time_code(0)
    assert "no-key" not in str(raised.value)
