"""A file that is no longer at its address: its catalogue is asked once more where it is."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.search.scenes import Scene, read_scene
from mmaq.acquire.search.sentinel2 import COLLECTIONS
from mmaq.acquire.search.stac import stac_service
from mmaq.archive import SENTINEL2
from mmaq.errors import ServiceError
from mmaq.services.client import Client
from mmaq.services.faults import Gone, plain

REMEDY = "Search again, for the manifest is older than the catalogue"


def present_address(
    endpoints: Mapping[str, str], manifest: Manifest, product: RemoteProduct, name: str
) -> str:
    """Where the catalogue of a mirror has the file ``name`` of a scene today.

    Raises:
        ServiceError: it has no other address for it, or cannot be asked.
    """
    old = product.files[name].href
    collection = COLLECTIONS.get(manifest.service)
    if collection is None or manifest.collection != SENTINEL2:
        fault = f"{name} of {product.id} is gone from {plain(old)}"
        raise ServiceError(manifest.service, fault, REMEDY)
    with Client(stac_service(manifest.service, endpoints)) as client:
        url = f"{client.service.url}/collections/{collection}/items/{quote(product.id, safe='')}"
        try:
            item = client.get_json(url)
        except Gone:
            fault = f"{product.id} was taken out of the catalogue, with its file {name}"
            raise ServiceError(manifest.service, fault, REMEDY) from None
    if not isinstance(item, dict) or item.get("id") != product.id:
        raise ServiceError(manifest.service, f"{url} is not the item of {product.id}", REMEDY)
    scene = read_scene(item)
    if not isinstance(scene, Scene) or scene.product.files[name].href == old:
        fault = f"{name} of {product.id} is gone from {plain(old)}, and its item tells no other"
        raise ServiceError(manifest.service, f"{fault} address", REMEDY)
    return scene.product.files[name].href
