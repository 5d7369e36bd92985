"""What people do with OpenAI's Python client, against any base URL: OPENAI_BASE_URL, OPENAI_API_KEY, MODEL."""
import os

import openai

client = openai.OpenAI(max_retries=0)
model = os.environ["MODEL"]
messages = [{"role": "user", "content": "Name a colour, naïvely: 🎨"}]
request = {"model": model, "messages": messages, "max_tokens": 16, "seed": 42, "temperature": 0.7}

assert model in [each.id for each in client.models.list()]
assert client.models.retrieve(model).id == model
whole = client.chat.completions.create(**request)
assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens

text, usage = "", None
for chunk in client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}):
    if chunk.choices and chunk.choices[0].delta.content:
        text += chunk.choices[0].delta.content
    usage = chunk.usage or usage
assert text == whole.choices[0].message.content, (text, whole.choices[0].message.content)
assert usage.total_tokens == whole.usage.total_tokens

raw = client.chat.completions.with_raw_response.create(**request)
assert raw.headers["x-weightless-receipt"].startswith("chatcmpl-")

for change, kind in [({"n": 17}, openai.BadRequestError), ({"model": "nobody-has-this"}, openai.NotFoundError)]:
    try:
        client.chat.completions.create(**{**request, **change})
        raise SystemExit("was not refused")
    except kind as error:
        assert error.code in ("invalid_value", "model_not_found"), error.code
try:
    openai.OpenAI(api_key="sk-wrong", max_retries=0).chat.completions.create(**request)
    raise SystemExit("was not refused")
except openai.AuthenticationError:
    pass

with client.chat.completions.create(**{**request, "max_tokens": 400}, stream=True) as stream:
    for index, _ in enumerate(stream):
        if index == 3:
            break
print(repr(text))
