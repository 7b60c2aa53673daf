"""Chat templates that ask for more than the conversation: the same prompts on every day."""

from datetime import datetime

import pytest
from transformers.utils import chat_template_utils

from clearbench.config.files import ModelSpec
from clearbench.config.settings import TEMPLATE_DATE
from clearbench.config.strict import validate
from clearbench.data.store import Store
from clearbench.errors import UserError
from clearbench.models.build import build_processor
from clearbench.models.encoding import Encoder
from clearbench.models.template import clock, fixed
from tiny_models import BUILDS, new_tokenizer

LLAMA = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}"
    "{%- set date_string = '26 Jul 2024' %}{%- endif %}{%- endif %}Today Date: {{ date_string }}\n"
    "{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}:{% endfor %}"
)
DAYS = (datetime(2025, 1, 31, 23, 59), datetime(2025, 2, 1))


@pytest.fixture(params=["llama", "llava"])
def encoder(request, tmp_path):
    """Makes an encoder of a model with texts alone, and one with images, by a template."""

    def make(template: str, **given: str) -> Encoder:
        tokenizer = new_tokenizer()
        tokenizer.chat_template = template
        processor = build_processor(BUILDS[request.param], tokenizer)
        processor.chat_template = template
        return Encoder(processor, Store(tmp_path), **given)

    return make


@pytest.fixture(params=DAYS, ids=str)
def today(request, monkeypatch):
    """Another day for templates that ask for it."""

    class Day(datetime):
        @classmethod
        def now(cls, zone=None):
            return request.param

    monkeypatch.setattr(chat_template_utils, "datetime", Day)
    return request.param


def test_a_template_that_asks_for_the_day_gives_the_same_prompts_on_every_day(encoder, today):
    made = encoder(LLAMA)
    asked = made.processor.apply_chat_template(
        [made._message("Who?", False)], tokenize=False, add_generation_prompt=True
    )
    # Without what is tested here, prompts are of today.
    assert asked.startswith(f"Today Date: {today:%d %b %Y}")
    assert made.prompt("Who?", None).text == "Today Date: 26 Jul 2024\nWho?:"
    other = encoder(LLAMA, date="2001-03-05")
    assert other.prompt("Who?", None).text == "Today Date: 05 Mar 2001\nWho?:"


def test_a_template_that_does_not_ask_is_given_nothing(encoder):
    assert encoder("{{ messages[0]['role'] }}")._template is None


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d %b %Y", "26 Jul 2024"),
        ("%A, %B %-d", "Friday, July 26"),
        ("%^a %h", "FRI Jul"),
        ("%c|%x|%X|%p|%r", "Fri Jul 26 00:00:00 2024|07/26/24|00:00:00|AM|12:00:00 AM"),
        ("%Y-%m-%d %H:%M:%S.%f %j %u", "2024-07-26 00:00:00.000000 208 5"),
        ("[%Z%z] %s %%A", "[] 1721952000 %A"),
        ("heute, größer", "heute, größer"),
    ],
)
def test_the_day_is_told_alike_in_every_language_and_zone(form, text, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert clock(TEMPLATE_DATE)(form) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ ['a', 'b'] | random }}",
        "{% set x = messages | random %}{{ x }}",
        "{{ lipsum(1) }}",
        "{% generation %}{{ ['a'] | random }}{% endgeneration %}",
    ],
)
def test_a_template_that_asks_for_chance_is_refused_in_one_line(template):
    for given in (template, {"default": template, "tools": "plain"}):
        with pytest.raises(UserError, match=r"^chat_template: asks for chance \(\w+\), so that"):
            fixed(given, TEMPLATE_DATE)


@pytest.mark.parametrize(
    "template", [None, LLAMA, "{% break %}", "random {{ messages[0].random }} 'lipsum'"]
)
def test_a_template_that_only_names_such_words_is_not_refused(template):
    fixed(template, TEMPLATE_DATE)


@pytest.mark.parametrize(
    "template",
    [
        "{% set now = strftime_now %}{{ now('%Y') }}",
        "{{ strftime_now(x) }}",
        "{{ strftime_now('%Y' ~ x) }}",
    ],
)
def test_a_template_that_asks_for_the_day_in_another_way_is_refused_in_one_line(template):
    with pytest.raises(UserError, match=r"^chat_template: uses strftime_now other than"):
        fixed(template, TEMPLATE_DATE)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{{- strftime_now( "%Y" ) }}', '{{- "2024" }}'),
        ("{{ strftime_now(format='%d') }}", '{{ "26" }}'),
        ("{% if strftime_now is not defined %}{% endif %}", None),
    ],
)
def test_a_question_for_the_day_is_answered_in_the_template(template, text):
    assert fixed(template, TEMPLATE_DATE) == text


def test_the_day_stands_in_the_settings_of_every_stage_with_a_model():
    given = {"domain": "text", "hub": "some/model", "date": "2025-12-31"}
    spec = validate(ModelSpec, given, "file")
    assert spec.source.date == spec.use.date == "2025-12-31"
    assert validate(ModelSpec, {**given, "date": datetime(2025, 12, 31).date()}, "x") == spec
    del given["date"]
    assert validate(ModelSpec, given, "file").use.model_dump()["date"] == TEMPLATE_DATE


@pytest.mark.parametrize("day", ["today", "2025-02-30", "25-1-1", 20250101, "20250101", None])
def test_what_is_no_day_is_told_with_its_key(day):
    with pytest.raises(UserError, match=r"^file: date: ") as caught:
        validate(ModelSpec, {"domain": "text", "hub": "some/model", "date": day}, "file")
    assert "\n" not in str(caught.value)
