"""The settings of language models: one provider after another, each by key, address and models."""

from decimal import Decimal
from typing import Any

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import Listed, ModuleSettings


class Price(BaseModel):
    """What a model costs that no table names, in USD a million tokens."""

    input: Decimal = Field(ge=0, le=100_000)
    output: Decimal = Field(ge=0, le=100_000)
    cached_input: Decimal | None = Field(default=None, ge=0, le=100_000)


def _also(name: str, *others: str) -> Any:
    return AliasChoices(f"CONVERTO_AI_{name}", *others)


class AiSettings(ModuleSettings):
    """What the asking of models is told from outside."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_AI_", env_nested_delimiter="__", populate_by_name=True)

    openai_api_key: SecretStr | None = Field(default=None, validation_alias=_also("OPENAI_API_KEY", "OPENAI_API_KEY"))
    """OpenAI: the key; several with commas take turns where one is refused."""
    openai_base_url: str = Field(default="https://api.openai.com/v1", pattern=r"^https?://")
    """OpenAI: where it is asked."""
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias=_also("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"))
    """Anthropic: the key, or several."""
    anthropic_base_url: str = Field(default="https://api.anthropic.com", pattern=r"^https?://")
    """Anthropic: where it is asked."""
    gemini_api_key: SecretStr | None = Field(default=None, validation_alias=_also("GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"))
    """Google: the key of its Gemini API, or several."""
    gemini_base_url: str = Field(default="https://generativelanguage.googleapis.com", pattern=r"^https?://")
    """Google: where it is asked."""
    azure_api_key: SecretStr | None = Field(default=None, validation_alias=_also("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_API_KEY"))
    """Azure OpenAI: the key, or several."""
    azure_base_url: str | None = Field(default=None, pattern=r"^https?://")
    """Azure OpenAI: the resource with its path, https://NAME.openai.azure.com/openai/v1."""
    azure_models: Listed[str] = ()
    """Azure OpenAI: the deployments, with commas, each with the model in it where their names differ: chat=gpt-4o."""
    openrouter_api_key: SecretStr | None = Field(default=None, validation_alias=_also("OPENROUTER_API_KEY", "OPENROUTER_API_KEY"))
    """OpenRouter: the key, or several."""
    openrouter_base_url: str = Field(default="https://openrouter.ai/api/v1", pattern=r"^https?://")
    """OpenRouter: where it is asked."""
    openrouter_models: Listed[str] = ()
    """OpenRouter: the models to ask, with commas: openai/gpt-4o,anthropic/claude-opus-5."""
    ollama_base_url: str | None = Field(default=None, pattern=r"^https?://", validation_alias=_also("OLLAMA_BASE_URL", "OLLAMA_BASE_URL"))
    """Ollama, or another local server of OpenAI's dialect such as llama.cpp: http://localhost:11434/v1. What it takes costs nothing."""
    ollama_models: Listed[str] = ()
    """Ollama: the models to ask, with commas."""
    vllm_base_url: str | None = Field(default=None, pattern=r"^https?://", validation_alias=_also("VLLM_BASE_URL", "VLLM_BASE_URL"))
    """vLLM: where it is asked, http://localhost:8000/v1. What it takes costs nothing unless CONVERTO_AI_PRICES says so."""
    vllm_models: Listed[str] = ()
    """vLLM: the models to ask, with commas."""
    vllm_api_key: SecretStr | None = None
    """vLLM: the key, where it wants one."""
    litellm_models: Listed[str] = ()
    """Models of any other provider, with commas, as litellm names them: mistral/mistral-large-latest. It takes its keys from their own
    variables, such as MISTRAL_API_KEY, and has to be installed (the extra ai)."""
    prices: dict[str, Price] = Field(default_factory=dict, examples=["MY-MODEL__INPUT"])
    """What models cost that no table names, in USD a million tokens: __INPUT, __OUTPUT, __CACHED_INPUT."""
    eur_per_usd: Decimal | None = Field(default=None, gt=0, le=10)
    """How many euros a dollar is shown as; empty means the dated rate of the catalogue."""
    eur_rate_date: str = Field(default="", max_length=10)
    """The day of that rate."""

    default_max_tokens: int = Field(default=4096, ge=1)
    """How long an answer may become where the request does not say: what is not used is not paid."""
    max_prompt_bytes: int = Field(default=2_000_000, ge=1)
    """A longer question is refused; pictures are counted apart."""
    max_image_bytes: int = Field(default=20_000_000, ge=1)
    """Larger pictures are refused, all those of a question together."""
    max_attempts: int = Field(default=4, ge=1, le=10)
    """How many calls of providers a question may take."""
    connect_timeout_s: float = Field(default=5, gt=0, le=60)
    """A provider that takes longer to connect to is unreachable."""
    silence_timeout_s: float = Field(default=60, gt=0, le=600)
    """A provider that says nothing for so long has failed."""
    cooldown_s: float = Field(default=10, gt=0, le=300)
    """How long a model is left alone that has failed three times in a row; each time it fails again, twice as long."""
    cache_ttl_s: float = Field(default=3600, ge=0, le=604_800)
    """How long an answer is given again to the same question; 0 means never."""
    cache_max_bytes: int = Field(default=16_000_000, ge=0)
    """The memory for such answers."""
    reservation_lease_s: float = Field(default=30, ge=1, le=600)
    """Within so many seconds what a process that died had reserved is free again."""
    keep_content_days: int = Field(default=30, ge=1, le=3650)
    """How long questions and answers are kept where a company wants them to be."""
