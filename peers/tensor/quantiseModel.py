"""Has llama.cpp's own quantiser write a model in another file type, by the shared library that node-llama-cpp brings.

Usage: python quantiseModel.py LIBRARIES IN.gguf OUT.gguf TYPE, e.g. Q4_K_M; LIBRARIES: folder of libllama and libggml.
"""
import ctypes
import sys
from pathlib import Path

# enum llama_ftype of llama.h
TYPES = {"Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12, "Q4_K_S": 14, "Q4_K_M": 15}
TYPES |= {"Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "BF16": 32}


class Params(ctypes.Structure):
    """How struct llama_model_quantize_params begins; what follows keeps its defaults."""

    _fields_ = [
        *[(name, ctypes.c_int32) for name in ("threads", "type", "output_type", "embedding_type")],
        ("allow_requantise", ctypes.c_bool),
        ("rest", ctypes.c_uint8 * 239),
    ]


def library(folder, name):
    found = [path for path in folder.glob(f"lib{name}*.so") if path.name.split(".")[0] == f"lib{name}"]
    return ctypes.CDLL(str(found[0]), mode=ctypes.RTLD_GLOBAL)


def main():
    folder, source, target, kind = Path(sys.argv[1]), *sys.argv[2:5]
    library(folder, "ggml-base")
    library(folder, "ggml").ggml_backend_load_all_from_path(str(folder).encode())
    llama = library(folder, "llama")
    llama.llama_model_quantize_default_params.restype = Params
    params = llama.llama_model_quantize_default_params()
    params.threads, params.type, params.allow_requantise = 1, TYPES[kind], True
    llama.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
    llama.llama_model_quantize.restype = ctypes.c_uint32
    if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)) != 0:
        raise SystemExit("llama.cpp refused")


main()
