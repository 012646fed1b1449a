import re
from pathlib import Path

import pytest

from imchat_operator.settings import PrometheusServer, Settings


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        pytest.param({}, Settings(), id="nothing set gives the defaults"),
        pytest.param(
            {"IMCHAT_NAMESPACES": "chat, games ,"},
            Settings(namespaces=("chat", "games")),
            id="namespaces are separated by commas, blanks do not matter",
        ),
        pytest.param({"IMCHAT_NAMESPACES": ""}, Settings(), id="no namespace means all"),
        pytest.param(
            {
                "IMCHAT_ADDRESS": "127.0.0.1",
                "IMCHAT_METRICS_PORT": "0",
                "IMCHAT_HEALTH_PORT": "65535",
                "IMCHAT_LOG_FORMAT": "json",
                "IMCHAT_AUDIT_LOG": "/dev/null",
            },
            Settings(
                address="127.0.0.1",
                metrics_port=0,
                health_port=65535,
                log_format="json",
                audit_log="/dev/null",
            ),
            id="every variable has its field",
        ),
        pytest.param(
            {"IMCHAT_LEASE": "imchat/operator", "IMCHAT_IDENTITY": "operator-6c5d"},
            Settings(lease=("imchat", "operator"), identity="operator-6c5d"),
            id="replicas elect their leader by a Lease",
        ),
        pytest.param({"IMCHAT_LEASE": ""}, Settings(), id="no Lease: the only one"),
        pytest.param({"IMCHAT_OTHER": "x"}, Settings(), id="other variables do not matter"),
    ],
)
def test_settings_come_from_the_environment(
    environment: dict[str, str], settings: Settings
) -> None:
    assert Settings.from_environment(environment) == settings


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        pytest.param(
            {"IMCHAT_LOG_FORMAT": "xml"},
            "IMCHAT_LOG_FORMAT is 'xml': set it to text or json",
            id="an unknown log format",
        ),
        pytest.param(
            {"IMCHAT_AUDIT_LOG": "/nowhere/audit.jsonl"},
            "IMCHAT_AUDIT_LOG: there is no directory /nowhere: make it, or correct the path",
            id="an audit file without a directory",
        ),
        pytest.param(
            {"IMCHAT_METRICS_PORT": "http"},
            "IMCHAT_METRICS_PORT is 'http': set it to a port, or to 0 for none",
            id="a port that is no number",
        ),
        pytest.param(
            {"IMCHAT_HEALTH_PORT": "65536"},
            "IMCHAT_HEALTH_PORT is '65536': set it to a port, or to 0 for none",
            id="a port beyond the last",
        ),
        pytest.param(
            {"IMCHAT_HEALTH_PORT": "-1"},
            "IMCHAT_HEALTH_PORT is '-1': set it to a port, or to 0 for none",
            id="a negative port",
        ),
        *(
            pytest.param(
                {"IMCHAT_LEASE": lease},
                f"IMCHAT_LEASE is {lease!r}: set it to NAMESPACE/NAME of a Lease, "
                "or leave it out where one operator runs",
                id=f"a Lease {why}",
            )
            for lease, why in {
                "operator": "without a namespace",
                "imchat/": "without a name",
                "imchat/a/b": "with a path",
                "imchat/Operator": "whose name is none",
            }.items()
        ),
    ],
)
def test_a_setting_that_means_nothing_is_refused_by_name(
    environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Settings.from_environment(environment)


def sources(path: Path) -> Settings:
    return Settings.from_environment({"IMCHAT_METRIC_SOURCES": str(path)})


@pytest.mark.parametrize(
    ("content", "servers"),
    [
        pytest.param(
            "prometheus:\n- name: main\n  url: http://prometheus:9090\n",
            (PrometheusServer(name="main", url="http://prometheus:9090"),),
            id="a server",
        ),
        pytest.param(
            """
            prometheus:
            - name: main
              url: https://prometheus.monitoring.svc:9090/main/
              tokenFile: /var/run/secrets/token
              caFile: /etc/ca.crt
            - {name: edge, url: "http://[::1]"}
            """,
            (
                PrometheusServer(
                    name="main",
                    url="https://prometheus.monitoring.svc:9090/main/",
                    token_file="/var/run/secrets/token",  # noqa: S106 -- a path
                    ca_file="/etc/ca.crt",
                ),
                PrometheusServer(name="edge", url="http://[::1]"),
            ),
            id="two, with all that they may have",
        ),
        pytest.param("prometheus: []\n", (), id="no server"),
        pytest.param("# later\n", (), id="nothing"),
    ],
)
def test_metric_sources_come_from_a_file(
    tmp_path: Path, content: str, servers: tuple[PrometheusServer, ...]
) -> None:
    path = tmp_path / "sources.yaml"
    path.write_text(content)
    assert sources(path) == Settings(prometheus=servers)


def test_no_file_is_no_metric_source() -> None:
    assert Settings.from_environment({"IMCHAT_METRIC_SOURCES": ""}) == Settings()


_NO_ADDRESS = "is no address: write it like https://prometheus.monitoring.svc:9090"
_MORE = "has more than host, port and path: a token belongs in tokenFile"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(None, "can't be read: .*No such file", id="it is not there"),
        pytest.param(b"\xff\xfe", "can't be read: 'utf-8' codec can't decode", id="no text"),
        pytest.param(
            b"prometheus: [\n", "can't be read: while parsing a flow .*line 2", id="no YAML"
        ),
        pytest.param(b"- main\n", ": the whole file: Input should be ", id="a list"),
        pytest.param(b"prometheus: main\n", ": prometheus: Input should be ", id="no list"),
        pytest.param(
            b"prometheus: [{name: main}]", ": prometheus.0.url: Field required$", id="no url"
        ),
        pytest.param(
            b"prometheus: [{url: 'http://a'}]", ": prometheus.0.name: Field required$", id="no name"
        ),
        pytest.param(
            b"prometheus: [{name: '', url: 'http://a'}]",
            ": prometheus.0.name: String should have at least 1 character$",
            id="an empty name",
        ),
        pytest.param(
            b"prometheus: [{name: main, url: 'http://a', token: x}]",
            ": prometheus.0.token: Extra inputs are not permitted$",
            id="an unknown field of a server",
        ),
        pytest.param(
            b"thanos: []", ": thanos: Extra inputs are not permitted$", id="an unknown field"
        ),
        pytest.param(
            b"prometheus: [{name: a, url: 'http://a'}, {name: a, url: 'http://b'}]",
            ": prometheus.1.name: another server has this name, choose one of its own$",
            id="two of one name",
        ),
        *(
            pytest.param(
                f"prometheus: [{{name: a, url: {url!r}}}]".encode(),
                f": prometheus.0.url: {re.escape(sentence)}$",
                id=f"url {url}",
            )
            for url, sentence in (
                ("prometheus:9090", _NO_ADDRESS),
                ("ftp://prometheus", _NO_ADDRESS),
                ("http://", _NO_ADDRESS),
                ("http:///path", _NO_ADDRESS),
                ("http://prometheus:99999", _NO_ADDRESS),
                ("http://prometheus:web", _NO_ADDRESS),
                ("http://[::1", _NO_ADDRESS),
                ("http://a b", _NO_ADDRESS),
                ("http://me:secret@prometheus", _MORE),
                ("http://prometheus/?token=secret", _MORE),
                ("http://prometheus/#top", _MORE),
            )
        ),
    ],
)
def test_a_file_of_metric_sources_that_means_nothing_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "sources.yaml"
    if content is not None:
        path.write_bytes(content)
    start = re.escape(f"IMCHAT_METRIC_SOURCES: {path}")
    with pytest.raises(ValueError, match=f"^{start}[: ]{sentence.removeprefix(':')}") as caught:
        sources(path)
    assert len(str(caught.value).splitlines()) == 1
    assert "secret" not in str(caught.value)
