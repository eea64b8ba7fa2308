"""Why a question is not answered."""

from converto.kernel.errors import Conflict, Error, Invalid, Limited, NotFound, PaymentRequired, TooLarge, Unavailable


class NoProvider(Unavailable):
    """No provider of models is set up."""

    code = "ai.no_provider"
    message = "No provider of models is set up: set {settings}."


class UnknownModel(NotFound):
    """No model is called so here."""

    code = "ai.unknown_model"
    message = "There is no model {model} here; GET /ai/models lists those that there are."


class NothingFits(Invalid):
    """Models are there, but none that may and can do this; `excluded` says why each is not."""

    code = "ai.nothing_fits"
    message = "No model can be asked this: {summary}"


class AllBusy(Unavailable):
    """Every model that could be asked is being left alone for now."""

    code = "ai.models_unavailable"
    message = "Every model that could be asked has failed lately; try again in {retry_after_s} s."


class ProviderFailed(Error):
    """Every call that could be made failed."""

    status, title = 502, "The provider failed"
    code = "ai.provider_failed"
    message = "No model answered: {summary}"


class ProviderLimited(Limited):
    """The providers take no more requests for now."""

    code = "ai.provider_limited"
    message = "The provider takes no more requests for now; try again in {retry_after_s} s."


class BadPicture(Invalid):
    """A picture that no model takes."""

    code = "ai.bad_picture"
    message = "Picture {number} is no PNG, JPEG, WebP or GIF in base64."


class Rejected(Invalid):
    """The provider says that the request is wrong."""

    code = "ai.rejected"
    message = "{model} refuses the request: {reason}"


class Truncated(Error):
    """The answer broke off; what had come of it is not the whole."""

    status, title = 502, "The answer broke off"
    code = "ai.truncated"
    message = "The answer of {model} broke off before its end."


class BudgetExceeded(PaymentRequired):
    """What it could cost is more than is left."""

    code = "ai.budget_exceeded"
    message = "This could cost up to {needed_usd} USD, and {left_usd} USD are left of the budget of {subject} for {period}."


class PromptTooLarge(TooLarge):
    """More text or pictures than are taken."""

    code = "ai.prompt_too_large"


class UnknownTemplate(NotFound):
    """There is no such template, or no such version."""

    code = "ai.unknown_template"
    message = "There is no template {name} in this version."


class MissingVariables(Invalid):
    """The template has places for which nothing was given."""

    code = "ai.missing_variables"
    message = "The template {name} also needs {missing}."


class UnknownCompletion(NotFound):
    """There is no such answer, or it belongs to another company."""

    code = "ai.unknown_completion"
    message = "There is no completion {completion_id}."


class UnknownCurrency(Invalid):
    """An amount in neither euros nor dollars."""

    code = "ai.unknown_currency"
    message = "Amounts are in EUR or USD, not {currency}."


class NothingAsked(Invalid):
    """There is neither a prompt nor a message."""

    code = "ai.nothing_asked"
    message = "Ask something: send `prompt`, `messages` or `template`."


class TemplateConflict(Conflict):
    """Somebody else was making a version of the same template."""

    code = "ai.template_conflict"
    message = "Another version of this template was made at the same moment; try again."
