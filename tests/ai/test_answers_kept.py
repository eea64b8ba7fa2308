import asyncio

import pytest

from converto.ai.catalogue import usd
from converto.ai.conversation import TemplateUse
from converto.ai.interface import Feedback, NewTemplate, Options
from converto.ai.refusals import MissingVariables, UnknownCompletion, UnknownTemplate
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from tests.ai.house import House, somebody


async def test_the_same_question_at_temperature_0_is_asked_once(house: House, aino: Actor) -> None:
    first = await house.ask(aino, temperature=0)
    second = await house.ask(aino, temperature=0)
    assert (first.cached, second.cached, second.cost_usd, second.text) == (False, True, usd(0), first.text)
    assert sum(house.fake.calls.values()) == 1
    assert (await house.streamed(aino, temperature=0))[1].cached


async def test_what_may_differ_is_asked_again_unless_wished(house: House, aino: Actor) -> None:
    await house.ask(aino)
    await house.ask(aino)
    await house.ask(aino, temperature=0, cache=False)
    assert sum(house.fake.calls.values()) == 3
    await house.ask(aino, cache=True)
    assert (await house.ask(aino, cache=True)).cached


async def test_nobody_gets_another_companys_answer(house: House, aino: Actor) -> None:
    await house.ask(aino, temperature=0)
    assert not (await house.ask(somebody(), temperature=0)).cached


async def test_of_many_who_ask_the_same_at_once_one_is_asked_for_all(house: House, aino: Actor) -> None:
    house.fake.latency_s = 0.1
    answers = await asyncio.gather(*[house.ask(aino, "Samaa?", temperature=0) for _ in range(20)])
    assert sum(house.fake.calls.values()) == 1
    assert sum(not answer.cached for answer in answers) == 1


async def test_who_asked_first_may_leave_and_the_others_are_answered(house: House, aino: Actor) -> None:
    house.fake.latency_s = 0.2
    first, second = (asyncio.create_task(house.ask(aino, "Samaa?", temperature=0)) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second).text
    assert sum(house.fake.calls.values()) == 1


async def test_content_is_kept_only_where_a_company_wants_it(house: House, aino: Actor) -> None:
    plain = await house.ask(aino)
    with pytest.raises(UnknownCompletion):
        await house.ai.content(aino, plain.id)
    await house.ai.set_options(aino, Options(keep_content=True))
    completion = await house.ask(aino, "Säilytä tämä")
    kept = await house.ai.content(aino, completion.id)
    assert (kept.answer, kept.request["messages"][0]["content"]) == (completion.text, "Säilytä tämä")
    with pytest.raises(UnknownCompletion):
        await house.ai.content(somebody(), completion.id)


async def test_a_template_has_versions_and_places(house: House, aino: Actor) -> None:
    for text in ("Luokittele {{ rivi }}.", "Luokittele rivi {{rivi}}!"):
        template = await house.ai.add_template(aino, NewTemplate(name="luokka", system="Olet kirjanpitäjä.", text=text))
    assert template.version == 2
    await house.ask(aino, "", template=TemplateUse(name="luokka", version=1, variables={"rivi": "maito"}))
    assert "Luokittele maito." in str(house.fake.asked[-1])
    with pytest.raises(MissingVariables, match="rivi"):
        await house.ask(aino, template=TemplateUse(name="luokka"))
    with pytest.raises(UnknownTemplate):
        await house.ask(somebody(), template=TemplateUse(name="luokka"))
    assert [one.version for one in await house.ai.templates(aino)] == [2]


async def test_feedback_moves_the_quality_of_a_model_for_its_company(house: House, aino: Actor) -> None:
    completion = await house.ask(aino, model_preference="gpt-4o")
    before = {model.id: model.quality for model in (await house.ai.models(aino)).items}
    await house.ai.give_feedback(aino, Feedback(completion_id=completion.id, score=0.0))
    after = {model.id: model.quality for model in (await house.ai.models(aino)).items}
    assert after["openai-gpt-4o"] < before["openai-gpt-4o"]
    with pytest.raises(UnknownCompletion):
        await house.ai.give_feedback(aino, Feedback(completion_id=new_id(), score=1.0))
