"""Trains a LoRA adapter with PyTorch and PEFT for a Weightless fine-tuning provider: JSON lines in and out, one task a process.

Spec: FINETUNING 5.2. In: {"op":"open", ...} then {"op":"train", "resume"?}. Out: opened | begun | point | snapshot | trained | refused | failed.
"""

import base64
import contextlib
import hashlib
import io
import json
import math
import os
import random
import sys
import tempfile
import time


# Of a state that is offered to be saved, and between two of them.
STATE_BYTES_MAX = 256 * 1024 * 1024 - 4096
SAVE_SECONDS = float(os.environ.get("WEIGHTLESS_PEFT_SAVE_SECONDS", "10"))


class Refused(Exception):
    """The user's data or parameters do not fit the model: trying again changes nothing."""


def main() -> None:
    # Libraries print what they like; the protocol keeps the real standard output to itself.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(op, **facts):
        out.write(json.dumps({"op": op, **facts}) + "\n")
        out.flush()

    try:
        opened = read_line("open")
        session = Session(opened)
        say("opened", **session.plan())
        told = read_line("train")
        say("trained", **session.train(say, told.get("resume")))
    except Refused as fault:
        say("refused", reason=str(fault)[:2000])
    except Exception as fault:  # The service must learn of every fault, whatever it is.
        # Its kind alone: the text of a fault may quote the user's data.
        say("failed", reason=f"{type(fault).__name__} in the PyTorch worker")
        raise


def read_line(op: str) -> dict:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message = json.loads(line)
    if message.get("op") != op:
        raise ValueError(f"expected {op}")
    return message


class Session:
    """One task: rows counted and split at once, so that the fee is known before anything is trained."""

    def __init__(self, opened: dict):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.torch = torch
        self.parameters = opened["parameters"]
        torch.manual_seed(self.parameters["seed"])
        # The process lives for one task: it may take all threads that the machine has.
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        place = locate(opened["model"])
        self.tokenizer = AutoTokenizer.from_pretrained(**place)
        # In float32: adapters of small models lose more in half precision than it saves.
        self.model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32).to(self.device)
        self.rows, self.held_out = self.split([self.encode(example) for example in opened["examples"]])
        if not self.rows:
            raise Refused("no row is left to train on")
        self.batches = self.plan_batches()
        job = [opened["model"], self.parameters, self.rows, self.held_out]
        self.job_digest = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()

    def encode(self, example: dict) -> dict:
        """Tokens, and from where on they are learned."""
        if "messages" in example:
            messages = example["messages"]
            if self.tokenizer.chat_template:
                prompt = self.tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
            else:
                raise Refused("the model has no chat template; give prompt and completion")
            completion = messages[-1]["content"]
        else:
            prompt, completion = example["prompt"], example["completion"]
        head = self.tokenizer.encode(prompt, add_special_tokens="messages" not in example)
        tail = self.tokenizer.encode(completion, add_special_tokens=False)
        if self.tokenizer.eos_token_id is not None:
            tail.append(self.tokenizer.eos_token_id)
        limit = min(self.parameters["rowTokensMax"], getattr(self.model.config, "max_position_embeddings", 1 << 30))
        tokens = (head + tail)[:limit]
        # Every row predicts from its second token on at the earliest.
        return {"tokens": tokens, "learn_from": max(1, len(head))}

    def split(self, rows: list) -> tuple:
        rows = [row for row in rows if len(row["tokens"]) > row["learn_from"]]
        chooser = random.Random(self.parameters["seed"])
        chooser.shuffle(rows)
        held = int(len(rows) * self.parameters["heldOutShare"])
        return rows[held:], rows[:held]

    def plan_batches(self) -> list:
        size = self.parameters["batchRows"]
        per_epoch = math.ceil(len(self.rows) / size)
        steps = max(1, math.ceil(per_epoch * self.parameters["epochs"]))
        if self.parameters.get("stepsMax"):
            steps = min(steps, self.parameters["stepsMax"])
        if steps > 1_000_000:
            raise Refused("more than 1000000 steps")
        chooser = random.Random(self.parameters["seed"] + 1)
        batches = []
        while len(batches) < steps:
            order = list(range(len(self.rows)))
            chooser.shuffle(order)
            batches += [order[at : at + size] for at in range(0, len(order), size)]
        return batches[:steps]

    def plan(self) -> dict:
        tokens = sum(len(self.rows[row]["tokens"]) for batch in self.batches for row in batch)
        return {
            "rows": len(self.rows),
            "heldOutRows": len(self.held_out),
            "steps": len(self.batches),
            "trainedTokens": tokens,
        }

    def train(self, say, resume: dict | None) -> dict:
        torch, steps = self.torch, len(self.batches)
        model = self.adapt()
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=self.parameters["learningRate"], weight_decay=0.0)
        done = self.restore(model, optimizer, resume)
        base, trained, before = (resume.get("base"), resume["trainedTokens"], resume["trainedTokens"]) if done else (None, 0, 0)
        say("begun", step=done)
        base = base or self.evaluate(model)
        started = saved = time.monotonic()
        said = 0.0
        look_every = max(1, steps // 20)
        for step, batch in enumerate(self.batches[done:], done + 1):
            rows = [self.rows[row] for row in batch]
            loss, norm = self.step(model, optimizer, weights, rows)
            trained += sum(len(row["tokens"]) for row in rows)
            looks = step % look_every == 0 or step == steps
            now = time.monotonic()
            if looks or now - said > 1:
                said = now
                held_out = self.evaluate(model) if looks else None
                say(
                    "point",
                    step=step,
                    steps=steps,
                    loss=loss,
                    gradNorm=norm,
                    trainedTokens=trained,
                    tokensPerSecond=(trained - before) / max(1e-9, now - started),
                    **({"heldOut": held_out} if held_out else {}),
                )
            if step < steps and now - saved > SAVE_SECONDS:
                state = self.save(model, optimizer, step)
                if len(state) <= STATE_BYTES_MAX:
                    facts = {"step": step, "trainedTokens": trained, **({"base": base} if base else {})}
                    say("snapshot", **facts, state=base64.b64encode(state).decode("ascii"))
                saved = time.monotonic()
        tuned = self.evaluate(model)
        measured = {**({"base": base} if base else {}), **({"tuned": tuned} if tuned else {})}
        return {"adapter": self.export(model), "trainedTokens": trained, **measured}

    def adapt(self):
        from peft import LoraConfig, get_peft_model

        parameters = self.parameters
        config = LoraConfig(
            r=parameters["rank"],
            lora_alpha=parameters["alpha"],
            target_modules=parameters["targets"],
            task_type="CAUSAL_LM",
        )
        try:
            return get_peft_model(self.model, config)
        except ValueError as fault:
            raise Refused("the model has none of the target modules") from fault

    def step(self, model, optimizer, weights: list, rows: list) -> tuple:
        torch = self.torch
        model.train()
        loss, _ = self.loss_of(model, rows)
        if not torch.isfinite(loss):
            raise Refused("the loss is no number any more: choose a smaller learning rate")
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        return loss.item(), float(norm)

    def save(self, model, optimizer, step: int) -> bytes:
        """All that a training goes on from: the adapter, the optimiser's moments, the random generator, and whose they are."""
        adapter = {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
        state = {"job": self.job_digest, "step": step, "adapter": adapter, "random": self.torch.get_rng_state()}
        file = io.BytesIO()
        self.torch.save({**state, "optimizer": optimizer.state_dict()}, file)
        return file.getvalue()

    def restore(self, model, optimizer, resume: dict | None) -> int:
        """Steps that are done: 0 where nothing is saved, or not of this job."""
        if resume is None:
            return 0
        torch = self.torch
        try:
            file = io.BytesIO(base64.b64decode(resume["state"], validate=True))
            state = torch.load(file, map_location=self.device, weights_only=True)
            fits = state["job"] == self.job_digest and state["step"] == resume["step"] < len(self.batches)
        except Exception:  # A damaged file is as good as none, whatever is wrong with it.
            fits = False
        if not fits:
            return 0
        names = dict(model.named_parameters())
        with torch.no_grad():
            for name, weight in state["adapter"].items():
                names[name].copy_(weight)
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        return state["step"]

    def loss_of(self, model, rows: list):
        """Mean loss over the learned tokens, and how many of them the model would have said itself."""
        torch = self.torch
        width = max(len(row["tokens"]) for row in rows)
        tokens = torch.zeros((len(rows), width), dtype=torch.long)
        labels = torch.full((len(rows), width), -100, dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for at, row in enumerate(rows):
            length, first = len(row["tokens"]), row["learn_from"]
            tokens[at, :length] = torch.tensor(row["tokens"])
            labels[at, first:length] = tokens[at, first:length]
            mask[at, :length] = 1
        tokens, labels, mask = tokens.to(self.device), labels.to(self.device), mask.to(self.device)
        logits = model(input_ids=tokens, attention_mask=mask).logits[:, :-1].float()
        wanted = labels[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), wanted.reshape(-1))
        learned = wanted != -100
        hits = ((logits.argmax(-1) == wanted) & learned).sum().item()
        return loss, (hits, learned.sum().item())

    def evaluate(self, model):
        if not self.held_out:
            return None
        torch = self.torch
        model.eval()
        loss_sum = hit_sum = count_sum = 0
        with torch.no_grad():
            for at in range(0, len(self.held_out), self.parameters["batchRows"]):
                loss, (hits, count) = self.loss_of(model, self.held_out[at : at + self.parameters["batchRows"]])
                loss_sum += loss.item() * count
                hit_sum += hits
                count_sum += count
        return {"loss": loss_sum / count_sum, "accuracy": hit_sum / count_sum}

    def export(self, model) -> str:
        """Safetensors with PEFT's names, its configuration in the metadata: one file holds all that loads it."""
        from peft import get_peft_model_state_dict
        from safetensors.torch import save_file

        parameters = self.parameters
        config = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "r": parameters["rank"],
            "lora_alpha": parameters["alpha"],
            "target_modules": sorted(parameters["targets"]),
            "lora_dropout": 0.0,
            "bias": "none",
        }
        state = {name: weight.detach().float().cpu().contiguous() for name, weight in get_peft_model_state_dict(model).items()}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "adapter_model.safetensors")
            save_file(state, path, metadata={"format": "pt", "adapter_config": json.dumps(config)})
            with open(path, "rb") as file:
                return base64.b64encode(file.read()).decode("ascii")


def locate(model: str) -> dict:
    """Arguments of `from_pretrained` for a Hugging Face folder, or a GGUF file that transformers reads. Never the network."""
    if model.endswith(".gguf"):
        folder, name = os.path.split(model)
        return {"pretrained_model_name_or_path": folder, "gguf_file": name, "local_files_only": True}
    return {"pretrained_model_name_or_path": model, "local_files_only": True}


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
