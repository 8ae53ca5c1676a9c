"""A number that remembers how it was computed, and so knows its gradient.

Each operation notes its inputs, the parents, and its own derivative with
respect to each of them, the local gradient. `backward` goes from the result
back to the inputs, multiplies along each path and sums over paths: the chain
rule. Gradients add up over calls, as those of `torch.Tensor.backward` do.

Leaves out: tensors. One object a number is clear, and slow. After
A. Karpathy's micrograd, 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


class Value:
    """A number in a calculation; `grad` is the derivative of a result by it.

    `+ - * / **` take a plain number on either side. A `Value` as an exponent
    wants a base above 0.
    """

    def __init__(
        self,
        data: float,
        parents: Sequence[Value] = (),
        local_grads: Sequence[float] = (),
    ):
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents
        self.local_grads = local_grads

    def __repr__(self) -> str:
        return f"Value({self.data:.6g}, grad={self.grad:.6g})"

    def __add__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = as_value(other)
        local_grads = (other.data, self.data)
        return Value(self.data * other.data, (self, other), local_grads)

    def __pow__(self, power: Value | float) -> Value:
        if isinstance(power, Value):
            return (power * self.log()).exp()
        result = real_power(self.data, power)
        slope = power * real_power(self.data, power - 1) if power else 0.0
        return Value(result, (self,), (slope,))

    def exp(self) -> Value:
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self) -> Value:
        if self.data <= 0:
            raise ValueError(f"no logarithm of {self.data}: it is not above 0")
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def tanh(self) -> Value:
        result = math.tanh(self.data)
        return Value(result, (self,), (1 - result**2,))

    def relu(self) -> Value:
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))

    # The other operations are made of those above.

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Value | float) -> Value:
        return self + -other

    def __truediv__(self, other: Value | float) -> Value:
        return self * as_value(other) ** -1

    def __rsub__(self, number: float) -> Value:
        return -self + number

    def __rtruediv__(self, number: float) -> Value:
        return self**-1 * number

    def __rpow__(self, number: float) -> Value:
        return as_value(number) ** self

    __radd__, __rmul__ = __add__, __mul__

    def backward(self) -> None:
        """Add the derivatives of this value to the `grad` of all before it."""
        grads = {self: 1.0}
        for value in reversed(in_order(self)):
            grad = grads[value]
            value.grad += grad
            pairs = zip(value.parents, value.local_grads, strict=True)
            for parent, local_grad in pairs:
                grads[parent] = grads.get(parent, 0.0) + grad * local_grad

    def zero_grad(self) -> None:
        """Forget the gradients of this value and of all before it."""
        for value in in_order(self):
            value.grad = 0.0


def in_order(result: Value) -> list[Value]:
    """All values that a result was made from, parents before children.

    With a stack of its own instead of recursion, which Python ends at 1,000.
    """
    ordered, seen, stack = [], set(), [(result, False)]
    while stack:
        value, parents_are_done = stack.pop()
        if parents_are_done:
            ordered.append(value)
        elif value not in seen:
            seen.add(value)
            stack.append((value, True))
            stack += [(parent, False) for parent in value.parents]
    return ordered


def as_value(number: Value | float) -> Value:
    """A plain number as a value without parents."""
    return number if isinstance(number, Value) else Value(number)


def real_power(base: float, exponent: float) -> float:
    """A power, or an error where no real number is the answer."""
    if base == 0 and exponent < 0:
        raise ZeroDivisionError(f"division by zero: {base} ** {exponent}")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError(f"{base} ** {exponent} is not a real number")
    return result
