"""From a conversation to token ids that fit the model.

People's text can never become a turn of its own: whatever the tokenizer would read as a special
token is broken up first, and so is what the template writes in brackets as plain text ([INST]).
Marks that are plain words ("USER:") nobody can tell from what is said. A prompt that does not fit
is refused here, because engines do not refuse it: some respond with rubbish, some die with every
request beside it.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser

from serving.engine import EngineError, FailureKind, Message, Prompt
from serving.spec import ModelSpec

# What is said in a trial, turn by turn, and by its system prompt: no words of any template.
SAID: Final = ("evenhand", "oxblood", "quillwork")
ROLES: Final[tuple[Literal["user", "assistant"], ...]] = ("user", "assistant", "user")
GUIDE: Final = "marrowfat"
TAG: Final = re.compile(r"</?[a-z]+[1-6]?>")  # of HTML: Gemma's tokenizer has those of a page
THOUGHT: Final = frozenset({"<think>", "</think>"})
MARK: Final = re.compile(r"[<\[]+[^\s<>\[\]]+[>\]]+")  # around turns, also as plain text: [INST]
WRITES: Final = "to one that writes each turn's content, read as text"
LEFT_OUT: Final = {  # by role: what a template leaves out, and the way out
    "system": f"the system prompt; remove system_prompt, or set chat_template {WRITES}",
    "user": f"what a user says; set chat_template {WRITES}",
    "assistant": f"what the model said before; set chat_template {WRITES}",
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a prompt and the most tokens its response may have."""

    ids: list[int]
    limit: int


def neutralise(text: str, special: Iterable[str]) -> str:
    """Return ``text`` with a space inside everything that reads as a special token."""
    # Without its outer spaces: with one more space among them it would be there again, for ever.
    inner = {word.strip(" ") for word in special}
    words = sorted((word for word in inner if len(word) > 1), key=len, reverse=True)
    found = True
    while found:
        found = False
        for word in words:
            if word in text:
                text = text.replace(word, f"{word[0]} {word[1:]}")
                found = True
    return text


def special_tokens(tokenizer: Any, written: str) -> tuple[str, ...]:  # noqa: ANN401 -- a tokenizer of any kind
    """Return the tokens of a tokenizer that text must not forge.

    Given what its chat template says, and what it writes: it may make a tag of the role's name.
    Tokens added for runs of white space are ordinary text and stay, whatever the tokenizer says.
    """
    added = {token.content: token.special for token in tokenizer.added_tokens_decoder.values()}
    words = {word for word, told in added.items() if told or _looks_structural(word, written)}
    words |= set(tokenizer.all_special_tokens)
    return tuple(sorted(word for word in words if word.strip(" ")))


def _looks_structural(word: str, written: str) -> bool:
    """Tell whether a token looks as if turns were made of it, though its tokenizer calls it text.

    Without its tags a page of HTML would be a worse response than it is. Without the marks around
    what a model thought, nobody could tell that from its response, nor a template leave it out of
    later turns.
    """
    if TAG.fullmatch(word) and (word in THOUGHT or word not in written):
        return False
    return len(word) > 1 and word[0] in "<[{" and word[-1] in ">]}"


def template_of(spec: ModelSpec) -> str | None:
    """Return the chat template that a specification sets, read from its file if it names one."""
    if spec.chat_template is None or not spec.chat_template.endswith(".jinja"):
        return spec.chat_template
    try:
        return Path(spec.chat_template).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        cause = f"byte {error.start + 1} is not UTF-8"
    except OSError as error:
        cause = str(error.strerror)
    raise EngineError(
        FailureKind.TEMPLATE,
        f"{spec.name}: cannot read chat_template {spec.chat_template}: {cause}",
    )


class _Marks(Extension):
    """Knows the tag around what a model said, which templates have for training."""

    tags = {"generation"}  # noqa: RUF012 -- as the library declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return what stands between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def template_fault(template: str) -> str | None:
    """Return what is wrong with the grammar of a chat template; None if nothing is."""
    try:
        Environment(extensions=[_Marks, loopcontrols], autoescape=False).parse(template)  # noqa: S701 -- nothing is rendered
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    except (RecursionError, ValueError) as error:  # a thousand brackets, a number of 5000 digits
        return str(error)
    return None


class Encoder:
    """Write conversations the way one model was trained to read them.

    Parameters
    ----------
    known_ids : int or None
        How many ids the model knows, from 0 on; one past them would end its process on a card.

    Raises
    ------
    EngineError
        ``template`` if the model has no chat template, or one that cannot write a conversation:
        better at loading than in a battle.
    """

    def __init__(
        self,
        spec: ModelSpec,
        tokenizer: Any,  # noqa: ANN401 -- a tokenizer of any kind
        *,
        context_tokens: int,
        cache_tokens: int | None = None,
        known_ids: int | None = None,
    ) -> None:
        self._spec = spec
        self._tokenizer = tokenizer
        self._template = template_of(spec)
        self._context = context_tokens
        self._cache = cache_tokens
        self._known = known_ids
        template = self._template or tokenizer.chat_template
        if not template:
            raise EngineError(
                FailureKind.TEMPLATE,
                f"{spec.name}: the checkpoint has no chat template; set chat_template",
            )
        written = self._written()
        self.special = special_tokens(tokenizer, f"{template}{written}")
        self._marks = {*self.special, *({*MARK.findall(written)} - THOUGHT)}
        ids = frozenset(tokenizer.convert_tokens_to_ids(list(self.special)))
        # What stands for a character that it does not know is no mark, unless it serves as one.
        ends = {tokenizer.bos_token_id, tokenizer.eos_token_id}
        self._special_ids = ids - ({tokenizer.unk_token_id} - ends)
        self._try()

    def _written(self) -> str:
        """Return what the template writes around turns of each role that it knows."""
        turns = [{"role": role, "content": said} for role, said in zip(ROLES, SAID, strict=True)]
        text = ""
        for trial in (turns, [{"role": "system", "content": GUIDE}, *turns]):
            with suppress(EngineError):
                text += self._render(trial)
        return text

    def _try(self) -> None:
        """Write a conversation of one turn and one of three: a broken template fails at loading."""
        said = tuple(map(Message, ROLES, SAID))
        for trial in (said[:1], said):
            turns = self._turns(Prompt(trial))
            self._ids(self._render(turns))
            self._check_said(turns)

    def _check_said(self, turns: list[dict[str, str]]) -> None:
        """Refuse a template that leaves out what somebody says, which nobody would notice.

        Some expect a list of parts in place of text, or call a role by another name.
        """
        # The system prompt is given one word: templates may trim it, or write its signs otherwise.
        said = [turn | {"content": GUIDE} if turn["role"] == "system" else turn for turn in turns]
        text = self._render(said)
        for turn in said:
            if turn["content"] not in text:
                what = f"the chat template leaves out {LEFT_OUT[turn['role']]}"
                raise EngineError(FailureKind.TEMPLATE, f"{self._spec.name}: {what}")

    def _turns(self, prompt: Prompt) -> list[dict[str, str]]:
        turns = [{"role": turn.role, "content": self._safe(turn)} for turn in prompt.messages]
        if self._spec.system_prompt:
            turns.insert(0, {"role": "system", "content": self._spec.system_prompt})
        return turns

    def encode(self, prompt: Prompt) -> Encoded:
        """Return the ids of a prompt.

        Raises
        ------
        EngineError
            ``context`` if prompt and response cannot fit, ``template`` if the template refuses.
        """
        limit = min(prompt.max_tokens or self._spec.output_tokens, self._spec.output_tokens)
        ids = self._ids(self._render(self._turns(prompt)))
        self._check_room(len(ids), limit)
        return Encoded(ids, limit)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if self._known is not None and max(ids, default=0) >= self._known:
            raise EngineError(
                FailureKind.TEMPLATE,
                f"{self._spec.name}: the tokenizer writes id {max(ids)}, and the model knows "
                f"{self._known} ids; put the tokenizer that the model was trained with beside it",
            )
        return ids

    def _safe(self, turn: Message) -> str:
        text = neutralise(turn.content.replace("\x00", ""), self._marks)
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if not self._special_ids.isdisjoint(ids):
            # A normalizer may fold other characters into a special token; nobody does by chance.
            raise EngineError(
                FailureKind.TEMPLATE,
                f"{self._spec.name}: the tokenizer reads special tokens in a {turn.role}'s text",
            )
        return text

    def _render(self, turns: list[dict[str, str]]) -> str:
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    turns,
                    chat_template=self._template,
                    tokenize=False,
                    add_generation_prompt=True,
                )
            )
        except Exception as error:  # a template is code of the checkpoint: it may raise anything
            raise EngineError(
                FailureKind.TEMPLATE, f"{self._spec.name}: the chat template refused: {error}"
            ) from error

    def _check_room(self, size: int, limit: int) -> None:
        rooms = {"context": self._context, "key-value cache": self._cache}
        for room, tokens in rooms.items():
            if tokens is not None and size + limit > tokens:
                raise EngineError(
                    FailureKind.CONTEXT,
                    f"{self._spec.name}: {size} tokens of prompt and {limit} of response "
                    f"do not fit the {room} of {tokens} tokens",
                )
