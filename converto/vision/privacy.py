"""What is never told of people: who they are, how old, of what sex, mood, origin or belief.

No answer has a field for it, whatever a model says is cut to the fields that there are, and its own words go through here.
"""

import re

_NEUTRAL = {
    "man": "person", "men": "people", "woman": "person", "women": "people", "gentleman": "person", "lady": "person", "ladies": "people",
    "male": "person", "males": "people", "female": "person", "females": "people", "boy": "person", "boys": "people", "girl": "person",
    "girls": "people", "guy": "person", "guys": "people", "child": "person", "children": "people", "toddler": "person", "baby": "person",
    "teenager": "person", "teenagers": "people", "he": "they", "she": "they", "him": "them", "his": "their", "hers": "theirs",
    "her": "their", "himself": "themselves", "herself": "themselves", "businessman": "person", "businesswoman": "person",
    "mies": "henkilö", "miehet": "henkilöt", "nainen": "henkilö", "naiset": "henkilöt", "poika": "henkilö", "pojat": "henkilöt",
    "tyttö": "henkilö", "tytöt": "henkilöt", "lapsi": "henkilö", "lapset": "henkilöt", "vauva": "henkilö",
}  # fmt: skip
_PEOPLE = re.compile(
    r"\b(person|people|persons|face|faces|they|them|their|theirs|someone|somebody|individual|individuals|couple|family|crowd|customer|"
    r"customers|cashier|worker|workers|henkilö\w*|ihmi\w+|kasvo\w*|asiakas|asiakkaat|myyjä\w*)\b", re.IGNORECASE
)  # fmt: skip
_BIOMETRIC = re.compile(
    r"\b(aged?|\d+[- ]years?[- ]olds?|years? old|young\w*|old|older|elderly|middle[- ]aged|senior|adult|adults|teen\w*|"
    r"in their (?:early |mid |mid-|late )?(?:teens|\w+ties)|smil\w+|happy|happily|sad|sadly|angry|angrily|anxious|nervous|joyful|cheerful|"
    r"surprised|upset|frown\w*|crying|laugh\w*|emotion\w*|mood|expression|asian|african|european|caucasian|hispanic|latin[oax]|arab\w*|"
    r"(?:black|white) (?:person|people|individual|couple|family)|dark-skinned|light-skinned|skin (?:tone|colou?r)|ethnic\w*|race|racial|"
    r"nationalit\w+|muslim|christian|jewish|hindu|buddhist|religio\w+|gay|lesbian|transgender|gender|sex|pregnant|disab\w+|looks like|"
    r"resembl\w+|identif\w+|known as|named|vuotia\w*|nuor\w+|vanha\w*|iäk\w+|hymyil\w+|iloi\w+|surulli\w+|vihai\w+|aasialai\w+|"
    r"afrikkalai\w+|tummaiho\w+|vaaleaiho\w+)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\b\w+\b")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
LEFT_OUT = "biometric_left_out"
"""The warning where something was."""


def without_biometrics(text: str) -> tuple[str, bool]:
    """Return a model's words without what they say of what people are, and whether anything was left out.

    Words that tell sex or age become neutral ones; a sentence that says more of people goes as a whole.
    """
    neutral = _WORD.sub(_neutral, text)
    sentences = _SENTENCE_END.split(neutral)
    kept = [sentence for sentence in sentences if not (_PEOPLE.search(sentence) and _BIOMETRIC.search(sentence))]
    told = " ".join(kept).strip()
    return told, told != text.strip()


def _neutral(found: re.Match[str]) -> str:
    word = found[0]
    neutral = _NEUTRAL.get(word.lower())
    if neutral is None:
        return word
    return neutral.capitalize() if word[0].isupper() else neutral
