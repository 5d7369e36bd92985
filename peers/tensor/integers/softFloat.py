"""IEEE 754 binary16, binary32 and binary64 by Python integers: every result is exact first, then rounded to nearest even.

A number is its bits, an int. No float takes part. NaNs are one NaN; spec/tensor.md 1 lets none of them be told apart.
"""


class Format:
    def __init__(self, exponent_bits, fraction_bits):
        self.fraction_bits = fraction_bits
        self.sign = 1 << (exponent_bits + fraction_bits)
        self.infinity = ((1 << exponent_bits) - 1) << fraction_bits
        self.nan = self.infinity | 1 << (fraction_bits - 1)
        self.hidden = 1 << fraction_bits
        # Exponent of the last place of subnormals.
        self.least = 2 - (1 << (exponent_bits - 1)) - fraction_bits

    def split(self, bits):
        """Sign 0 or 1, mantissa and exponent of a finite number: (-1)^sign * mantissa * 2^exponent."""
        biased = (bits & self.infinity) >> self.fraction_bits
        fraction = bits & (self.hidden - 1)
        sign = 1 if bits & self.sign else 0
        if biased == 0:
            return sign, fraction, self.least
        return sign, fraction | self.hidden, self.least + biased - 1

    def round(self, sign, mantissa, exponent):
        """The nearest number to mantissa * 2^exponent; the mantissa may have any length."""
        signed = self.sign if sign else 0
        if mantissa == 0:
            return signed
        drop = max(mantissa.bit_length() - self.fraction_bits - 1, self.least - exponent)
        if drop > 0:
            rest = mantissa & ((1 << drop) - 1)
            mantissa >>= drop
            half = 1 << (drop - 1)
            if rest > half or (rest == half and mantissa & 1):
                mantissa += 1
        else:
            mantissa <<= -drop
        # The hidden bit adds one to the exponent, and so does a carry out of rounding.
        bits = mantissa + ((exponent + drop - self.least) << self.fraction_bits)
        return signed | min(bits, self.infinity)

    def is_nan(self, bits):
        return bits & ~self.sign > self.infinity

    def is_finite(self, bits):
        return bits & self.infinity != self.infinity

    def negate(self, bits):
        return bits ^ self.sign

    def magnitude(self, bits):
        return bits & ~self.sign

    def add(self, a, b):
        if not (self.is_finite(a) and self.is_finite(b)):
            if self.is_nan(a) or self.is_nan(b):
                return self.nan
            if self.is_finite(a):
                return b
            return a if self.is_finite(b) or a == b else self.nan
        (sign_a, mantissa_a, exponent_a), (sign_b, mantissa_b, exponent_b) = self.split(a), self.split(b)
        exponent = min(exponent_a, exponent_b)
        value_a = mantissa_a << (exponent_a - exponent)
        value_b = mantissa_b << (exponent_b - exponent)
        total = (-value_a if sign_a else value_a) + (-value_b if sign_b else value_b)
        if total == 0:
            # A sum that vanishes is +0, but of two zeros that are both negative.
            return self.round(sign_a & sign_b if mantissa_a == 0 else 0, 0, 0)
        return self.round(1 if total < 0 else 0, abs(total), exponent)

    def subtract(self, a, b):
        return self.add(a, self.negate(b))

    def multiply(self, a, b):
        sign = 1 if (a ^ b) & self.sign else 0
        if not (self.is_finite(a) and self.is_finite(b)):
            if self.is_nan(a) or self.is_nan(b) or self.magnitude(a) == 0 or self.magnitude(b) == 0:
                return self.nan
            return (self.sign if sign else 0) | self.infinity
        (_, mantissa_a, exponent_a), (_, mantissa_b, exponent_b) = self.split(a), self.split(b)
        return self.round(sign, mantissa_a * mantissa_b, exponent_a + exponent_b)

    def divide(self, a, b):
        sign = 1 if (a ^ b) & self.sign else 0
        signed = self.sign if sign else 0
        if self.is_nan(a) or self.is_nan(b):
            return self.nan
        if not self.is_finite(a):
            return signed | self.infinity if self.is_finite(b) else self.nan
        if not self.is_finite(b):
            return signed
        (_, mantissa_a, exponent_a), (_, mantissa_b, exponent_b) = self.split(a), self.split(b)
        if mantissa_b == 0:
            return self.nan if mantissa_a == 0 else signed | self.infinity
        return self.ratio(sign, mantissa_a, mantissa_b, exponent_a - exponent_b)

    def ratio(self, sign, numerator, denominator, exponent=0):
        """The nearest number to numerator / denominator * 2^exponent, for integers of any length."""
        widen = max(0, self.fraction_bits + 3 + denominator.bit_length() - numerator.bit_length())
        quotient, rest = divmod(numerator << widen, denominator)
        # The last bit says whether anything follows.
        return self.round(sign, quotient << 1 | (1 if rest else 0), exponent - widen - 1)

    def square_root(self, a):
        if self.is_nan(a) or a == self.infinity or self.magnitude(a) == 0:
            return a
        if a & self.sign:
            return self.nan
        _, mantissa, exponent = self.split(a)
        widen = 2 * self.fraction_bits + 6
        widen += (exponent - widen) % 2
        root = integer_root(mantissa << widen)
        rest = 1 if root * root != mantissa << widen else 0
        return self.round(0, root << 1 | rest, (exponent - widen) // 2 - 1)

    def nearest(self, a):
        """The nearest integer, an int; of two that are as near the even one. For finite numbers."""
        sign, mantissa, exponent = self.split(a)
        if exponent >= 0:
            value = mantissa << exponent
        else:
            value, rest = mantissa >> -exponent, mantissa & ((1 << -exponent) - 1)
            half = 1 << (-exponent - 1)
            if rest > half or (rest == half and value & 1):
                value += 1
        return -value if sign else value

    def floor(self, a):
        """The largest integer that is not above, an int. For finite numbers."""
        sign, mantissa, exponent = self.split(a)
        value = -mantissa if sign else mantissa
        return value << exponent if exponent >= 0 else value >> -exponent

    def less(self, a, b):
        """False if either is no number; zeros are equal."""
        if self.is_nan(a) or self.is_nan(b):
            return False
        return self.order(a) < self.order(b)

    def order(self, bits):
        return -(bits & ~self.sign) if bits & self.sign else bits

    def of(self, integer):
        return self.round(1 if integer < 0 else 0, abs(integer), 0)

    def constant(self, text):
        """A decimal constant, such as -1.5e-3, rounded once."""
        sign = 1 if text.startswith("-") else 0
        digits, _, power = text.lstrip("-").partition("e")
        whole, _, part = digits.partition(".")
        power = int(power or "0") - len(part)
        return self.ratio(sign, int(whole + part) * 10 ** max(power, 0), 10 ** max(-power, 0))

    def widen(self, bits, source):
        """From another format, rounded if this one is narrower."""
        if source.is_nan(bits):
            return self.nan
        sign = 1 if bits & source.sign else 0
        if not source.is_finite(bits):
            return (self.sign if sign else 0) | self.infinity
        return self.round(*source.split(bits))


def integer_root(value):
    """The largest integer whose square is not above."""
    if value == 0:
        return 0
    guess = 1 << ((value.bit_length() + 1) // 2)
    while True:
        better = (guess + value // guess) >> 1
        if better >= guess:
            return guess
        guess = better


F16 = Format(5, 10)
F32 = Format(8, 23)
F64 = Format(11, 52)
