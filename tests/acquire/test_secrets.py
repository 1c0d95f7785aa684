"""Whatever way credentials come in and whatever goes wrong, none is written anywhere."""

from __future__ import annotations

import shutil
from itertools import cycle

import pytest

from mmaq.contracts.archive import SENTINEL5P, read_collection
from tests.acquire.leaks import leaks
from tests.acquire.verb import ACCOUNT, Verb
from tests.servers.country import scene_items, serve
from tests.servers.data_space import PASSWORD, USER
from tests.servers.faulty import Answer, Cut, Reset, Status, Wrong
from tests.servers.objects import KEYS, objects
from tests.servers.openaq import KEY, hour, location, openaq_service
from tests.servers.stac import stac_api

pytestmark = pytest.mark.slow

PERIOD = ("2021-07-01", "2021-08-10")
QUARTER = (9.05, 52.8, 9.7, 53.2)
CODE, SIGNATURE = "427193", "the/signature+of=theday"


@pytest.fixture(scope="module")
def country(land, tmp_path_factory):
    with serve(land, tmp_path_factory.mktemp("secrets")) as running:
        yield running


@pytest.fixture
def verb(country, tmp_path):
    def make(account=ACCOUNT, **settings):
        asked = country.configuration("mine", *PERIOD, QUARTER, **settings)
        return Verb(tmp_path / "work", asked, account)

    return make


def granule_paths(country):
    return [f"/download/odata/v1/Products({name})/$value" for name in country.space.entries]


def found(verb, country, done, *more):
    secrets = [*country.space.secrets, *more]
    assert len(set(secrets)) >= 3
    return leaks(verb.folder, secrets, done.stdout + done.stderr, USER)


def test_the_search_finds_what_it_should(tmp_path):
    (tmp_path / "a.log").write_text("Authorization: Basic c29tZW9uZTpwYXNzIHdvcmQ=")
    (tmp_path / "b.json").write_text('{"href": "http://there/?sig=pass%20word"}')
    (tmp_path / "c.txt").write_text("password")
    names = leaks(tmp_path, ["pass word"], "the pass word", "someone")
    assert sorted(name.rpartition("/")[2] for name in names) == ["a.log", "b.json", "output"]


def test_an_account_in_the_environment_and_faults_of_all_kinds(country, verb, monkeypatch):
    monkeypatch.setattr(country.space, "totp", CODE)
    echo = b"you sent " + PASSWORD.encode() + b" and " + CODE.encode()
    busy = Status(503, {"Retry-After": "0"}, echo)
    faults = [[Status(401, body=echo), Reset(5000)], [busy, Cut(9000)], [Wrong(50), Reset()]]
    for path, each in zip(granule_paths(country), cycle(faults)):
        country.space.server.script(path, *each)
    country.space.server.script("/auth/token", busy, Cut(10))
    given = verb({**ACCOUNT, "CDSE_TOTP": CODE})
    done = given.run()
    assert done.returncode == 0, done.stderr
    assert "asked again" in done.stderr
    assert found(given, country, done, CODE) == []
    planned = given.run("plan")
    assert "found" in planned.stdout
    assert found(given, country, planned, CODE) == []


def test_an_account_that_is_refused(country, verb):
    given = verb({"CDSE_USERNAME": USER, "CDSE_PASSWORD": "another word"})
    done = given.run()
    assert done.returncode == 1
    assert "Check user and password" in done.stderr
    assert leaks(given.folder, ["another word", *country.space.secrets], done.stderr, USER) == []
    assert "Traceback" not in done.stderr


def test_an_account_in_netrc(country, verb):
    given = verb({})
    netrc = given.folder / ".netrc"
    netrc.write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n')
    netrc.chmod(0o600)
    seen = [len(server.log) for server in country.servers]
    done = given.run()
    assert done.returncode == 0, done.stderr
    assert found(given, country, done) == []
    # .netrc is for the one host that gives tokens: no request but those for tokens bears it.
    for server, number in zip(country.servers, seen, strict=True):
        for asked in server.log[number:]:
            bearer = asked.headers.get("authorization", "")
            assert bearer.startswith("Bearer ") == asked.path.startswith("/download/")
            assert not bearer.startswith("Basic")


def test_keys_and_signatures(country, verb, land, tmp_path):
    """Signed windows, granules from the object store, and a service that wants a key."""
    flat = tmp_path / "eodata"
    flat.mkdir()
    for product in read_collection(land.archive, SENTINEL5P):
        shutil.copy(product.assets["product"].path, flat)
    items = scene_items(land, country.files, "sentinel-2-l2a")
    places = [location(1, 9.4, 53.0, {11: ("no2", "µg/m³")})]
    places[0]["country"]["code"] = "XM"
    hours = {11: [hour("2021-07-02T10:00:00Z", "2021-07-02T11:00:00Z", 20.0)]}
    unlabelled = tmp_path / "unlabelled.csv"
    west, south, east, north = QUARTER
    lines = land.unlabelled.read_text().splitlines()
    inside = [
        line for line in lines[1:]
        if west < float(line.split(",")[1]) < east and south < float(line.split(",")[2]) < north
    ]  # fmt: skip
    assert inside
    unlabelled.write_text("\n".join([lines[0], *inside, ""]))
    with (
        objects(flat) as store,
        openaq_service(places, hours) as openaq,
        stac_api(items, tmp_path / "stac", "/stac/v1") as mirror,
    ):
        searched = mirror.server.answer

        def answer(asked):
            if asked.path.startswith("/sas/v1/token/"):
                return Answer.json(
                    {"token": f"sig={SIGNATURE}", "msft:expiry": "2999-01-01T00:00:00Z"}
                )
            return searched(asked)

        mirror.server.answer = answer
        more = {"planetary-computer": mirror.server.url, "cdse-s3": store, "openaq": openaq.url}
        given = verb(
            {"CDSE_S3_ACCESS_KEY": KEYS[0], "CDSE_S3_SECRET_KEY": KEYS[1], "OPENAQ_API_KEY": KEY},
            sentinel2={"provider": "planetary-computer", "max_cloud": 100.0},
            sentinel5p={"provider": "cdse", "streams": ["RPRO"], "download": "s3"},
            stations={"provider": "openaq", "countries": ["XM"]},
            unlabelled_table=str(unlabelled), endpoints=country.endpoints | more,
        )  # fmt: skip
        seen = len(country.ground.log)
        done = given.run()
        assert done.returncode == 0, done.stderr
        signed = [asked for asked in country.ground.log[seen:] if "sig" in asked.query]
        assert signed
        assert leaks(given.folder, [*KEYS, KEY, SIGNATURE], done.stdout + done.stderr) == []
        # A file that is refused, or gone, is told of by its address without the signature.
        shutil.rmtree(given.data)
        country.ground.always[signed[0].path] = Status(403)
        country.ground.always[signed[-1].path] = Status(404)
        done = given.run()
        country.ground.always.clear()
        assert done.returncode == 1
        assert "answers 403" in done.stderr or "answers 404" in done.stderr
        assert leaks(given.folder, [*KEYS, KEY, SIGNATURE], done.stdout + done.stderr) == []
