"""The weights of a GGUF as f32 in the form that vLLM loads, with tokenizer and template: `toSafetensors.py FILE.gguf FOLDER`."""
import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

source, target = sys.argv[1:]
folder, file = os.path.split(source)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
# It was dequantised on the way in, and says still that it is quantised.
model.hf_quantizer = None
if hasattr(model.config, "quantization_config"):
    del model.config.quantization_config
model.is_quantized = False
model.float().save_pretrained(target)
AutoTokenizer.from_pretrained(folder, gguf_file=file).save_pretrained(target)
