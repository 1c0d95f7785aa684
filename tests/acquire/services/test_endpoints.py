import pytest

from mmaq.acquire.services.endpoints import SERVICES, service
from mmaq.base.errors import ServiceError


def test_every_service_is_encrypted_and_named_once():
    for name, entry in SERVICES.items():
        assert entry.name == name
        assert entry.url.startswith("https://")
        assert not entry.url.endswith("/")
        assert entry.connections >= 1
        assert entry.note


def test_the_data_space_counts_its_connections_together_but_not_those_for_tokens():
    families = {name: entry.family for name, entry in SERVICES.items() if name.startswith("cdse")}
    assert families.pop("cdse-identity") == "cdse-identity"
    assert set(families.values()) == {"cdse"}
    assert {SERVICES[name].connections for name in families} == {4}


def test_another_address_is_taken():
    endpoints = {"cdse": "http://localhost:1/odata/", "cdse-identity": "http://localhost:2/token"}
    found = service("cdse", endpoints)
    assert (found.url, found.identity) == ("http://localhost:1/odata", "http://localhost:2/token")
    assert found.host == "localhost"
    assert service("eea", endpoints) == SERVICES["eea"]


def test_an_unknown_service_is_named_with_those_known():
    with pytest.raises(ServiceError, match=r"^cdes: there is no service of this.*eea,"):
        service("cdes")
    with pytest.raises(ServiceError, match=r"^cdes: there is no service"):
        service("cdse", {"cdes": "https://example.org"})


@pytest.mark.parametrize("address", ["example.org", "ftp://example.org", "https://"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ServiceError, match=r"^eea: the address given for it is none"):
        service("eea", {"eea": address})
