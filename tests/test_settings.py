import re

import pytest

from imchat_operator.settings import Settings


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
            },
            Settings(address="127.0.0.1", metrics_port=0, health_port=65535, log_format="json"),
            id="every variable has its field",
        ),
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
    ],
)
def test_a_setting_that_means_nothing_is_refused_by_name(
    environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Settings.from_environment(environment)
