/** The few bytes of an ONNX model with one node `MatMul`, out (m,n) = a (m,k) b (k,n), f32. */

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint((field << 3) | 2),
  ...varint(content.length),
  ...content
]
const text = (field: number, value: string): number[] => bytes(field, [...new TextEncoder().encode(value)])
const number = (field: number, value: number): number[] => [...varint(field << 3), ...varint(value)]

const FLOAT = 1
const OPSET = 17
const IR_VERSION = 8

const described = (name: string, shape: readonly number[]): number[] => {
  const dimensions = shape.flatMap(size => bytes(1, number(1, size)))
  const tensor = [...number(1, FLOAT), ...bytes(2, dimensions)]
  return [...text(1, name), ...bytes(2, bytes(1, tensor))]
}

export const matmulModel = (m: number, n: number, k: number): Uint8Array => {
  const node = [...text(1, 'a'), ...text(1, 'b'), ...text(2, 'out'), ...text(4, 'MatMul')]
  const graph = [
    ...bytes(1, node),
    ...text(2, 'matmul'),
    ...bytes(11, described('a', [m, k])),
    ...bytes(11, described('b', [k, n])),
    ...bytes(12, described('out', [m, n]))
  ]
  const model = [...number(1, IR_VERSION), ...bytes(7, graph), ...bytes(8, number(2, OPSET))]
  return Uint8Array.from(model)
}
