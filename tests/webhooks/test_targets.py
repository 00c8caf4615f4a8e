"""No URL of a merchant's leads us where we must not go: not at save, and not at any send."""

import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from threading import Event
from uuid import uuid4

import pytest

from core.errors import Problem
from core.models import Mode
from tests.webhooks.sinks import a_trap
from webhooks import targets
from webhooks.addresses import DENIED, is_public
from webhooks.endpoints import objection
from webhooks.posting import Post, Sender
from webhooks.resolving import NotNow
from webhooks.targets import Forbidden
from webhooks.trail import Result

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]
# Of each network its first address, its last and one in between.
DENIED_ADDRESSES = sorted(
    {
        str(address)
        for name in DENIED
        for network in [ip_network(name)]
        for address in (network[0], network[-1], network[network.num_addresses // 2])
    }
)
LONG = "a" * 64
STRINGS = [
    *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/"),
    *("//example.com/", "example.com", "https:example.com", "https:/example.com", "https://"),
    *("https:///x", "HTTPS:\\\\example.com", "https://example.com\\@127.0.0.1/", ""),
    *("https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/"),
    *("https://example.com@127.0.0.1/", "https://127.0.0.1#@example.com/"),
    *("https://127.0.0.1?@example.com/", "https://example.com/#fragment"),
    *("https://example.com:80/", "https://example.com:22/", "https://example.com:0/"),
    *("https://example.com:65536/", "https://example.com:/", "https://example.com:443443/"),
    *("https://example.com:+443/", "https://example.com:0443/", "https://example.com:443a/"),
    *("https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://example.com./"),
    *("https://intranet/", "https://printer.local/", "https://db.internal/", "https://a.corp/"),
    *("https://x.localhost/", "https://abc.onion/", "https://1.0.0.127.in-addr.arpa/"),
    *("https://metadata.google.internal/", "https://testserver/", "https://.example.com/"),
    *("https://example..com/", "https://-a.example.com/", "https://a-.example.com/"),
    *("https://a_b.example.com/", f"https://{LONG}.example.com/"),
    *(f"https://{'a.' * 130}com/", f"https://example.com/{'a' * 2048}"),
    *("https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://0/"),
    *("https://127.1/", "https://127.0.1/", "https://0177.0.0.1/", "https://0x7f.0.0.1/"),
    *("https://0x7f.1/", "https://127.0.0.1.5/", "https://example.123/", "https://example.0x1/"),
    *("https://127.0.0.1/", "https://10.0.0.1:8443/", "https://169.254.169.254/latest/meta-data/"),
    *("https://192.168.1.1/", "https://0.0.0.0/", "https://255.255.255.255/", "https://[::1]/"),
    *("https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/"),
    *("https://[::127.0.0.1]/", "https://[64:ff9b::127.0.0.1]/", "https://[64:ff9b:1::1]/"),
    *("https://[2002:7f00:1::]/", "https://[2001:0:7f00:1::]/", "https://[fe80::1]/"),
    *(
        "https://[fe80::1%25eth0]/",
        "https://[fc00::1]/",
        "https://[fec0::1]/",
        "https://[ff02::1]/",
    ),
    *("https://[::1", "https://::1/", "https://[127.0.0.1]/", "https://[1.2.3]/"),
    *(
        "https://①②⑦.⓪.⓪.①/",
        "https://ｌｏｃａｌｈｏｓｔ/",
        "https://exämple.com/",
        "https://127。0。0。1/",
    ),
    *("https://xn--a.com/", "https://xn--.com/", "https://ab--c.com/"),
    *("https://xn--localhost-.com/", "https://example.com/\r\nHost: x", "https://exa\tmple.com/"),
    *(" https://example.com/", "https://example.com/ ", "https://exam ple.com/", "https://%6c/"),
    *("https://127.0.0.1%00.example.com/", "https://example.com/\x00", 'https://example.com/"'),
    *("https://example.com/<x>", "https://example.com/{x}", "https://example.com/^`|"),
]


def resolving(*answers):
    """Return a resolver that gives one answer after the other, the last for ever."""
    waiting = list(answers)
    return lambda *_: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def a_post(url: str, mode: str = "test") -> Post:
    return Post(uuid4(), url, 1, mode, "evt_x", b"{}", [b"s" * 32], time.time() - time.monotonic())


class TestAURL:
    @pytest.mark.parametrize("mode", ["test", "live"])
    @pytest.mark.parametrize("url", STRINGS)
    def test_that_might_lead_inside_is_refused_whatever_its_name_resolves_to(self, url, mode):
        refusal = objection(url, mode, resolving(PUBLIC))

        assert refusal is not None
        assert refusal.slug == "webhook-url-forbidden"

    def test_is_refused_in_many_ways(self):
        assert len(set(STRINGS)) > 100

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.com",
            "https://example.com/",
            "HTTPS://Example.COM:8443/Hooks?a=%20b&c[]=d",
            "https://xn--exmple-cua.com/",
            "https://a-b.1example.co.uk:443/~shop/(x)",
            f"https://example.com/{'a' * 2000}",
        ],
    )
    @pytest.mark.parametrize("mode", ["test", "live"])
    def test_that_leads_outside_is_taken(self, url, mode):
        assert objection(url, mode, resolving(PUBLIC)) is None

    @pytest.mark.parametrize("url", ["https://93.184.216.34/", "https://[2606:2800:220:1::5]/"])
    def test_with_a_public_address_is_taken_in_test_mode_alone(self, url):
        assert objection(url, "test", resolving([])) is None
        assert objection(url, "live", resolving([])) is not None

    def test_of_ours_is_refused(self, settings):
        settings.ALLOWED_HOSTS = ["pay.example.com", ".ours.example"]

        for host in ("pay.example.com", "ours.example", "api.ours.example", "PAY.example.com"):
            assert objection(f"https://{host}/", "live", resolving(PUBLIC)) is not None

    def test_is_said_alike_for_a_name_that_is_inside_and_one_that_is_not(self):
        inside = objection("https://a.example.com/", "live", resolving(["10.0.0.1"]))
        nowhere = objection("https://b.example.com/", "live", resolving([]))

        assert inside
        assert nowhere
        assert (inside.detail, inside.errors) == (nowhere.detail, nowhere.errors)

    def test_whose_name_nobody_looks_up_in_time_is_neither_taken_nor_refused(self):
        def hangs(host, seconds):
            raise NotNow(host)

        with pytest.raises(Problem) as told:
            objection("https://slow.example.com/", "live", hangs)

        assert (told.value.slug, told.value.headers) == ("overloaded", {"Retry-After": "1"})

    def test_is_not_looked_up_while_another_one_is_which_takes_too_long(self):
        begun, released = Event(), Event()

        def hangs(*_):
            begun.set()
            released.wait(10)
            return PUBLIC

        with ThreadPoolExecutor() as other:
            first = other.submit(objection, "https://slow.example.com/", "live", hangs)
            assert begun.wait(5)
            with pytest.raises(Problem, match="cannot be looked up now"):
                objection("https://example.com/", "live", resolving(PUBLIC))
            released.set()
            assert first.result(5) is None
        assert objection("https://example.com/", "live", resolving(PUBLIC)) is None


class TestAnAddress:
    @pytest.mark.parametrize("address", DENIED_ADDRESSES)
    def test_of_a_denied_network_is_not_public(self, address):
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            *("192.0.0.8", "192.88.99.1", "224.0.0.1", "239.1.1.1", "64:ff9b::7f00:1"),
            *("64:ff9b:1::1", "2002:7f00:1::", "fec0::1", "ff02::1", "::7f00:1", "5f00::1"),
            *("4000::1", "1000::1", "fe80::1%eth0", "2606:2800::1%1", "", "example.com", "1.2.3"),
        ],
    )
    def test_that_python_takes_for_public_is_not(self, address):
        assert not is_public(address)

    @pytest.mark.parametrize("address", [*PUBLIC, "1.1.1.1", "172.32.0.1", "2400:cb00::1"])
    def test_of_somebody_outside_is(self, address):
        assert is_public(address)

    @pytest.mark.parametrize("address", DENIED_ADDRESSES)
    def test_among_others_spoils_them_all(self, address):
        target = targets.read("https://example.com/", "live")

        with pytest.raises(Forbidden):
            targets.addresses(target, resolving([*PUBLIC, address]), 1)


class TestASend:
    def test_to_a_name_that_moved_inside_since_reaches_nobody(self):
        resolve = resolving(PUBLIC, ["127.0.0.1"])
        with a_trap(8443) as (port, caught):
            url = f"https://rebinding.example.com:{port}/"
            saved = objection(url, "test", resolve)

            heard = Sender(resolve).send(a_post(url))
            time.sleep(0.1)

        assert saved is None
        assert heard.result is Result.FORBIDDEN
        assert caught == []

    def test_asks_for_the_name_once_and_goes_where_that_said(self):
        asked = []

        def resolve(host, seconds):
            asked.append(host)
            return ["127.0.0.1"] if len(asked) > 1 else ["127.0.0.1", "10.0.0.1"]

        with a_trap(8443) as (port, caught):
            Sender(resolve).send(a_post(f"https://example.com:{port}/"))
            time.sleep(0.1)

        assert asked == ["example.com"]
        assert caught == []

    @pytest.mark.parametrize("mode", ["test", "live"])
    def test_of_any_of_these_reaches_no_listener(self, mode):
        with a_trap(8443) as (port, caught):
            urls = [*STRINGS, *(f"https://{host}:{port}/" for host in ("127.0.0.1", "[::1]"))]
            urls += [f"https://example.com:{port}/{number}" for number in range(3)]
            results = {
                Sender(resolving(["127.0.0.1"])).send(a_post(url, mode), 2.0).result for url in urls
            }
            time.sleep(0.1)

        assert results == {Result.FORBIDDEN}
        assert caught == []

    def test_to_a_listener_named_for_tests_is_live_to_nobody(self, settings):
        with a_trap() as (port, caught):
            settings.WEBHOOK_TEST_HOSTS = frozenset({f"127.0.0.1:{port}"})
            url = f"http://127.0.0.1:{port}/"

            heard = Sender().send(a_post(url, Mode.LIVE))
            time.sleep(0.1)

        assert heard.result is Result.FORBIDDEN
        assert caught == []

    def test_to_a_neighbour_of_one_named_for_tests_reaches_nobody(self, settings):
        with a_trap() as (port, caught):
            settings.WEBHOOK_TEST_HOSTS = frozenset({"127.0.0.1:1", f"localhost:{port}"})

            heard = Sender().send(a_post(f"http://127.0.0.1:{port}/"))
            time.sleep(0.1)

        assert heard.result is Result.FORBIDDEN
        assert caught == []
