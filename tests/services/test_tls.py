"""TLS is verified, with the user's own authority where he names one."""

import ssl
import subprocess
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest

from mmaq.base.errors import ServiceError
from mmaq.services.client import Client
from mmaq.services.endpoints import service


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(302 if self.path == "/down" else 200)
        self.send_header("Location", "http://127.0.0.1:9/plain")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def encrypted(tmp_path):
    """A server whose certificate is signed by nobody, and the certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    server = HTTPServer(("127.0.0.1", 0), _Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}", certificate
    server.shutdown()
    server.server_close()


def test_an_unknown_certificate_ends_it_at_once(encrypted, waits):
    url, _ = encrypted
    client = Client(service("eea", {"eea": url}))
    with pytest.raises(ServiceError, match=r"/x: its certificate cannot be verified\. "):
        client.get(f"{url}/x?sig=hidden")
    assert waits == []


def test_other_faults_of_encryption_may_pass(server, waits):
    url = server.url.replace("http:", "https:")  # a server that does not speak it
    with pytest.raises(ServiceError, match=r"/x: the connection broke, 3 times"):
        Client(service("eea", {"eea": url}), attempts=3).get(f"{url}/x")
    assert len(waits) == 2


def test_the_users_own_authority_is_taken_up(encrypted, monkeypatch):
    url, certificate = encrypted
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert Client(service("eea", {"eea": url})).get_json(f"{url}/x") == {}


def test_no_redirect_leads_out_of_encryption(encrypted, monkeypatch):
    url, certificate = encrypted
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with pytest.raises(ServiceError, match=r"/down: redirects to an address that is not encrypted"):
        Client(service("eea", {"eea": url})).get(f"{url}/down")
