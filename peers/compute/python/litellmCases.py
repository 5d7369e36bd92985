"""LiteLLM as a client of any OpenAI-compatible base URL: OPENAI_BASE_URL, OPENAI_API_KEY, MODEL."""
import os

import litellm

request = {
    "model": "openai/" + os.environ["MODEL"],
    "api_base": os.environ["OPENAI_BASE_URL"],
    "api_key": os.environ["OPENAI_API_KEY"],
    "messages": [{"role": "user", "content": "Name a colour, naïvely: 🎨"}],
    "max_tokens": 12,
    "temperature": 0,
    "num_retries": 0,
}
whole = litellm.completion(**request)
said = whole.choices[0].message.content
assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
text = "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**request, stream=True))
assert text == said, (text, said)
try:
    litellm.completion(**{**request, "api_key": "sk-wrong"})
    raise SystemExit("was not refused")
except litellm.AuthenticationError:
    pass
print(repr(said))
