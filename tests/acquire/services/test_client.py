import socket
from email.utils import formatdate

import pytest

from mmaq.acquire.services import limits
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.faults import Gone, Passing, Refused
from mmaq.acquire.services.limits import slot
from mmaq.base.errors import ServiceError
from tests.servers.faulty import Answer, Cut, Reset, Slow, Stall, Status, faulty


@pytest.fixture(autouse=True)
def answers(files):
    (files / "a.json").write_text('{"a": 1}')
    (files / "b.bin").write_bytes(bytes(range(256)) * 1000)


def _client(url, name="earth-search", **options):
    return Client(service(name, {name: url}), **options)


def test_json_is_asked_for_with_parameters_or_posted(server, client, files):
    assert client.get_json(f"{server.url}/a.json", {"q": "x y"}) == {"a": 1}
    (asked,) = server.log
    assert asked.query == {"q": ["x y"]}
    assert asked.headers["user-agent"].startswith("mmaq/")
    server.answer = lambda asked: Answer.json([asked.method, asked.body.decode()])
    assert client.post_json(f"{server.url}/search", {"limit": 1}) == ["POST", '{"limit": 1}']


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_again_after_growing_times(server, client, waits, status):
    server.script("/a.json", Status(status), Status(status), Status(status))
    assert client.get_json(f"{server.url}/a.json") == {"a": 1}
    assert [0.75 * 2**n <= wait <= 2**n for n, wait in enumerate(waits, 1)] == [True] * 3


def test_retry_after_is_honoured_in_seconds_and_as_a_date(server, client, waits):
    server.script(
        "/a.json",
        Status(429, {"Retry-After": "17"}),
        Status(503, {"Retry-After": formatdate(usegmt=True)}),
        Status(429, {"Retry-After": "86400"}),
    )
    assert client.get_json(f"{server.url}/a.json") == {"a": 1}
    assert waits[0] == 17.0
    assert waits[1] == 0.0
    assert waits[2] == 600.0


@pytest.mark.parametrize("fault", [Reset(), Reset(3), Cut(4), Stall(2, 1.5)])
def test_a_broken_answer_is_asked_for_again(server, client, fault, waits):
    client.patience = 0.4
    server.script("/a.json", fault, fault)
    assert client.get_json(f"{server.url}/a.json") == {"a": 1}
    assert len(waits) == 2


def test_a_slow_but_steady_answer_is_waited_for(server, client):
    client.patience = 0.5
    server.script("/a.json", Slow(0.08, every=1))
    assert client.get_json(f"{server.url}/a.json") == {"a": 1}
    assert len(server.log) == 1


def test_after_all_attempts_the_service_is_named(server, client, waits):
    server.always["/a.json"] = Status(503)
    with pytest.raises(ServiceError) as raised:
        client.get_json(f"{server.url}/a.json", {"key": "hidden"})
    assert str(raised.value) == (
        f"{server.url}/a.json: answers 503 Service Unavailable, 6 times. "
        "Run the same command again: it goes on where it stopped."
    )
    assert len(server.log) == 6
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, Gone), (410, Gone), (401, Refused), (403, Refused), (400, ServiceError)],
)
def test_what_will_not_pass_is_named_at_once(server, client, status, kind, waits):
    server.always["/a.json"] = Status(status)
    with pytest.raises(ServiceError, match=f"/a.json: answers {status} ") as raised:
        client.get_json(f"{server.url}/a.json")
    assert type(raised.value) is kind
    assert len(server.log) == 1
    assert waits == []


def test_no_server_and_no_json_are_named(server, client, files):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(ServiceError, match=r": it cannot be reached, 6 times\. Run the same"):
        _client(url).get(f"{url}/a?sig=hidden")
    (files / "c.json").write_text("<html>")
    with pytest.raises(ServiceError, match=r"/c.json: answers something that is no JSON\."):
        client.get_json(f"{server.url}/c.json")
    with pytest.raises(ServiceError, match=r"^nonsense:///: the request is not possible"):
        client.get("nonsense:///")


def test_a_body_that_ends_early_is_told_from_the_with_block(server, client):
    server.script("/b.bin", Cut(70_000))
    with (
        pytest.raises(Passing, match=r"/b.bin: the answer ended before its stated length\."),
        client.stream(f"{server.url}/b.bin?sig=hidden", {}) as response,
    ):
        for _ in response.iter_content(1000):
            pass


def test_a_stalled_body_is_given_up_after_the_patience(server):
    server.script("/b.bin", Stall(1000, 2))
    with (
        pytest.raises(Passing, match=r"/b.bin: no byte came for 0.3 s\."),
        _client(server.url, patience=0.3).stream(f"{server.url}/b.bin", {}) as response,
    ):
        response.raw.read(1001)


def test_redirects_are_followed_and_a_loop_ends(server, client):
    server.script("/moved", Status(301, {"Location": "/a.json"}))
    assert client.get_json(f"{server.url}/moved?x=1") == {"a": 1}
    server.always["/loop"] = Status(302, {"Location": "/loop"})
    with pytest.raises(ServiceError, match=r"/loop: redirects more than 10 times\."):
        client.get(f"{server.url}/loop")


def test_a_key_stays_with_its_host(server, files, monkeypatch):
    monkeypatch.setenv("OPENAQ_API_KEY", "the key")
    with faulty(files) as other, _client(server.url, "openaq") as client:
        server.script("/moved", Status(302, {"Location": f"{other.url}/a.json"}))
        assert client.get_json(f"{server.url}/moved") == {"a": 1}
        assert client.get_json(f"{other.url}/a.json") == {"a": 1}
        assert [asked.headers.get("x-api-key") for asked in server.log] == ["the key"]
        assert [asked.headers.get("x-api-key") for asked in other.log] == [None, None]
        # And back: the host that it is for gets it again.
        other.script("/back", Status(302, {"Location": f"{server.url}/a.json"}))
        client.get(f"{other.url}/back")
        assert server.log[-1].headers.get("x-api-key") == "the key"


def test_no_password_leaves_netrc_for_a_service_that_needs_none(server, client, home):
    text = "machine 127.0.0.1 login user password word\ndefault login any password leaked\n"
    (home / ".netrc").write_text(text)
    server.script("/moved", Status(302, {"Location": "/a.json"}))
    client.get(f"{server.url}/moved")
    assert [asked.headers.get("authorization") for asked in server.log] == [None, None]


def test_a_dhus_gets_user_and_password_or_they_are_named_before_it_is_asked(server, monkeypatch):
    with pytest.raises(ServiceError, match="Set DHUS_USERNAME and DHUS_PASSWORD"):
        _client(server.url, "dhus").get(f"{server.url}/a.json")
    assert server.log == []
    monkeypatch.setenv("DHUS_USERNAME", "user")
    monkeypatch.setenv("DHUS_PASSWORD", "word")
    _client(server.url, "dhus").get(f"{server.url}/a.json")
    assert server.log[0].headers["authorization"] == "Basic dXNlcjp3b3Jk"


def test_a_proxy_of_the_environment_is_used(server, monkeypatch, files):
    with faulty(files, lambda asked: Answer.json("proxied")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert _client("http://mmaq.invalid").get_json("http://mmaq.invalid/x") == "proxied"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert _client(server.url).get_json(f"{server.url}/a.json") == {"a": 1}
    assert len(proxy.log) == 1


def test_an_unreachable_proxy_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://user:hidden@127.0.0.1:9")
    with pytest.raises(ServiceError, match=r"the proxy cannot be reached or refuses") as raised:
        _client("http://mmaq.invalid", attempts=2).get("http://mmaq.invalid/x")
    assert "hidden" not in str(raised.value)


def test_waiting_for_another_attempt_holds_no_connection(server, monkeypatch):
    one = service("geofabrik", {"geofabrik": server.url})
    server.script("/a.json", Status(503))
    taken = []

    def wait(seconds):
        with slot(one):
            taken.append(seconds)

    monkeypatch.setattr(limits, "wait", wait)
    assert Client(one).get_json(f"{server.url}/a.json") == {"a": 1}
    assert len(taken) == 1
