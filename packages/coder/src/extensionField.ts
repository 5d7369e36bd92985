/**
 * E = GF(2^16)[x] / (x^8 + x^3 + x + 0x10c): 2^128 elements, each 8 symbols. Multiplying by a fixed element is linear
 * over GF(2^16), so it commutes with the code: that is what the check of single rows rests on. Spec: coding §4.
 */
import { multiply } from './field.ts'

/** Coefficients of 1, x, … x^7. */
export type Element = Uint16Array

export const coordinates = 8
/** The polynomial without its leading term x^8. */
export const extensionPolynomial: readonly number[] = [0x10c, 1, 0, 1, 0, 0, 0, 0]

export function multiplyElements(a: Element, b: Element): Element {
  const product = new Uint16Array(coordinates)
  let shifted = a
  for (let i = 0; i < coordinates; i++) {
    for (let c = 0; c < coordinates; c++) product[c]! ^= multiply(shifted[c]!, b[i]!)
    shifted = timesX(shifted)
  }
  return product
}

/** Row i = coordinates of x^i times `a`: y times `a` is the sum over i of y[i] times row i. */
export function multiplicationMatrix(a: Element): Element[] {
  const matrix = [a]
  for (let i = 1; i < coordinates; i++) matrix.push(timesX(matrix[i - 1]!))
  return matrix
}

function timesX(a: Element): Element {
  const product = new Uint16Array(coordinates)
  product.set(a.subarray(0, coordinates - 1), 1)
  const top = a[coordinates - 1]!
  for (let c = 0; c < coordinates; c++) product[c]! ^= multiply(extensionPolynomial[c]!, top)
  return product
}

/** 16 bytes: 8 symbols of two bytes each, low byte first. */
export function elementToBytes(element: Element): Uint8Array {
  const bytes = new Uint8Array(2 * coordinates)
  for (let c = 0; c < coordinates; c++) {
    bytes[2 * c] = element[c]! & 255
    bytes[2 * c + 1] = element[c]! >> 8
  }
  return bytes
}

/** @param bytes at least 16 */
export function bytesToElement(bytes: Uint8Array): Element {
  return Uint16Array.from({ length: coordinates }, (_, c) => bytes[2 * c]! | (bytes[2 * c + 1]! << 8))
}
