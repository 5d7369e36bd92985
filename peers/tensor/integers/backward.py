"""Operators of training by integers, written from spec/training.md 3.4 and 4.2 alone; as in operators.py, None is a run that fails."""
from operators import ONE, exponential, finite, fold
from softFloat import F32, F64

add, subtract, multiply, divide = F32.add, F32.subtract, F32.multiply, F32.divide


def normalise_back(vector, weight, gradient, past, epsilon):
    """`past`: the gradient that came past the operator."""
    n = F32.of(len(vector))
    e = divide(fold([multiply(x, x) for x in vector]), n)
    k = divide(ONE, F32.square_root(add(e, epsilon)))
    weighted = [multiply(w, d) for w, d in zip(weight, gradient)]
    p = fold([multiply(d, x) for d, x in zip(weighted, vector)])
    b = divide(multiply(multiply(multiply(k, k), k), p), n)
    back = [subtract(multiply(k, d), multiply(x, b)) for d, x in zip(weighted, vector)]
    return finite([add(p, d) for p, d in zip(past, back)])


def gate_back(gates, ups, gradient):
    """Gradients of the gates, then of what they gate."""
    of_gates, of_ups = [], []
    for g, u, d in zip(gates, ups, gradient):
        sigma = divide(ONE, add(ONE, exponential(F32.negate(g))))
        slope = multiply(sigma, add(ONE, multiply(g, subtract(ONE, sigma))))
        of_gates.append(multiply(multiply(d, u), slope))
        of_ups.append(multiply(d, multiply(g, sigma)))
    return finite(of_gates + of_ups)


def power(base, exponent):
    """By squaring from the highest bit, in binary64."""
    result = F64.of(1)
    for bit in bin(exponent)[2:]:
        result = F64.multiply(result, result)
        if bit == "1":
            result = F64.multiply(result, base)
    return result


def narrow(bits):
    return F32.widen(bits, F64)


def optimise(values, means, squares, gradient, norm, options, step):
    """AdamW. `options`, `norm`: bits of binary64; `step` from 1. Values, first and second moments, one after another."""
    clip = ONE
    if F64.less(F64.of(0), options["clipNorm"]) and F64.less(options["clipNorm"], norm):
        clip = narrow(F64.divide(options["clipNorm"], norm))
    one = F64.of(1)
    c1, c2 = (narrow(F64.divide(one, F64.subtract(one, power(options[beta], step)))) for beta in ("beta1", "beta2"))
    b1, b2, epsilon, decay, rate = (narrow(options[name]) for name in ("beta1", "beta2", "epsilon", "weightDecay", "rate"))
    rest1, rest2 = subtract(ONE, b1), subtract(ONE, b2)
    moved, new_means, new_squares = [], [], []
    for p, m, v, grad in zip(values, means, squares, gradient):
        g = multiply(grad, clip)
        m = add(multiply(b1, m), multiply(rest1, g))
        v = add(multiply(b2, v), multiply(rest2, multiply(g, g)))
        direction = divide(multiply(m, c1), add(F32.square_root(multiply(v, c2)), epsilon))
        moved.append(subtract(p, multiply(rate, add(direction, multiply(decay, p)))))
        new_means.append(m)
        new_squares.append(v)
    return finite(moved + new_means + new_squares)
