import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFault, MeshError, utf8 } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import {
  bytesSource,
  type HeaderFault,
  readHeader,
  readTensor,
  type StoredTensor,
  writeSafetensors
} from '../src/index.ts'
import { collectBytes } from './support/collect.ts'

/** A file with this header, as text or as an object, and this much data. */
const fileOf = (header: object | string, dataBytes: number): Uint8Array => {
  const text = utf8(typeof header === 'string' ? header : JSON.stringify(header))
  const file = new Uint8Array(8 + text.length + dataBytes)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  return file
}

const faultOf = async (file: Uint8Array): Promise<string> => {
  const found = await readHeader(bytesSource(file))
  return isFault(found) ? (found as HeaderFault).fault : 'none'
}

const bitsOf = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length)

/** Bits of any float, NaNs of any kind among them. */
const floats = (bits: readonly number[]): Float32Array => new Float32Array(Uint32Array.from(bits).buffer)

t.test('what is written is read, bit by bit', async t => {
  const shapes = fc.array(fc.nat({ max: 4 }), { maxLength: 3 })
  const tensor = fc.tuple(fc.string(), shapes).chain(([name, shape]) =>
    fc.record({
      name: fc.constant(name),
      shape: fc.constant(shape),
      bits: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), {
        minLength: shape.reduce((a, b) => a * b, 1),
        maxLength: shape.reduce((a, b) => a * b, 1)
      })
    })
  )
  const files = fc.uniqueArray(tensor, {
    selector: ({ name }) => name,
    maxLength: 5
  })
  await fc.assert(
    fc.asyncProperty(files, async all => {
      const tensors = all.filter(({ name }) => name !== '__metadata__' && name !== '__proto__')
      const file = await collectBytes(
        writeSafetensors(
          tensors.map(({ name, shape, bits }) => ({ name, shape, values: () => floats(bits) }))
        )
      )
      const source = bytesSource(file)
      const header = (await readHeader(source)) as readonly StoredTensor[]
      if (header.length !== tensors.length) throw new Error(JSON.stringify(header))
      for (const stored of header) {
        const { shape, bits } = tensors.find(({ name }) => name === stored.name)!
        const found = [...bitsOf(await readTensor(source, stored))]
        if (stored.shape.join() !== shape.join() || found.join() !== bits.join()) throw new Error(stored.name)
      }
    }),
    { numRuns: 200 }
  )
  t.pass('200 files')
})

t.test('halves and bfloats', async t => {
  const header = {
    a: { dtype: 'F16', shape: [7], data_offsets: [0, 14] },
    b: { dtype: 'BF16', shape: [2], data_offsets: [14, 18] }
  }
  const file = fileOf(header, 18)
  const data = new DataView(file.buffer, file.length - 18)
  const halves = [0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0x7e00]
  halves.forEach((bits, i) => {
    data.setUint16(2 * i, bits, true)
  })
  data.setUint16(14, 0x3f80, true)
  data.setUint16(16, 0xc2f7, true)
  const source = bytesSource(file)
  const [a, b] = (await readHeader(source)) as readonly StoredTensor[]
  t.strictSame([...(await readTensor(source, a!))], [1, -2, 65504, 2 ** -24, -0, Infinity, NaN])
  t.strictSame([...(await readTensor(source, b!))], [1, -123.5])
})

t.test('a stranger’s header', async t => {
  const one = (entry: object) => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...entry } })
  const both = (from: number, to: number) => ({
    ...one({}),
    b: { dtype: 'F32', shape: [2], data_offsets: [from, to] }
  })
  const wrong: readonly (readonly [what: string, file: Uint8Array, code: string])[] = [
    ['nothing', new Uint8Array(), 'SAFETENSORS_LENGTH'],
    ['a header past the end', fileOf('{}', 0).with(0, 200), 'SAFETENSORS_LENGTH'],
    ['a header of 2^56 bytes', fileOf('{}', 0).with(7, 1), 'SAFETENSORS_LENGTH'],
    ['no JSON', fileOf('{"a"', 0), 'SAFETENSORS_HEADER'],
    ['no UTF-8', fileOf('{"a":1}', 0).with(10, 0xff), 'SAFETENSORS_HEADER'],
    ['a list', fileOf('[]', 0), 'SAFETENSORS_HEADER'],
    ['null', fileOf('null', 0), 'SAFETENSORS_HEADER'],
    ['a tensor that is null', fileOf({ a: null }, 0), 'SAFETENSORS_HEADER'],
    ['an unknown type', fileOf(one({ dtype: 'I64', shape: [1] }), 8), 'SAFETENSORS_DTYPE'],
    ['a type of every object', fileOf(one({ dtype: 'toString' }), 8), 'SAFETENSORS_DTYPE'],
    ['a negative size', fileOf(one({ shape: [-2] }), 8), 'SAFETENSORS_HEADER'],
    ['a size that is no number', fileOf(one({ shape: ['2'] }), 8), 'SAFETENSORS_HEADER'],
    ['too many axes', fileOf(one({ shape: [2, 1, 1, 1, 1, 1, 1, 1, 1] }), 8), 'SAFETENSORS_HEADER'],
    ['a shape past 2^53', fileOf(one({ shape: [2 ** 40, 2 ** 40] }), 8), 'SAFETENSORS_OFFSETS'],
    ['offsets of another length', fileOf(one({ data_offsets: [0, 4] }), 8), 'SAFETENSORS_OFFSETS'],
    ['offsets backwards', fileOf(one({ data_offsets: [8, 0] }), 8), 'SAFETENSORS_OFFSETS'],
    ['offsets past the end', fileOf(one({ data_offsets: [8, 16] }), 8), 'SAFETENSORS_OFFSETS'],
    ['an overlap', fileOf(both(4, 12), 12), 'SAFETENSORS_OFFSETS'],
    ['a gap', fileOf(both(12, 20), 20), 'SAFETENSORS_OFFSETS'],
    ['data that nobody names', fileOf(one({}), 12), 'SAFETENSORS_OFFSETS'],
    [
      'one name twice',
      fileOf(
        '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        4
      ),
      'SAFETENSORS_HEADER'
    ]
  ]
  for (const [what, file, code] of wrong) t.equal(await faultOf(file), code, what)
  t.equal(await faultOf(fileOf(both(8, 16), 16)), 'none', 'a sound file')
  t.equal(await faultOf(fileOf({ __metadata__: { format: 'pt' } }, 0)), 'none', 'no tensors')
})

t.test('any bytes get an answer', async () => {
  const header = fc.jsonValue()
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        header.map(h => fileOf(JSON.stringify(h), 8)),
        fc.uint8Array()
      ),
      async file => {
        const found = await readHeader(bytesSource(file))
        if (isFault(found)) return
        for (const tensor of found) await readTensor(bytesSource(file), tensor)
      }
    )
  )
})

t.test('a file that ends early', async t => {
  const file = fileOf({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8)
  const source = bytesSource(file)
  const [a] = (await readHeader(source)) as readonly StoredTensor[]
  await t.rejects(readTensor(bytesSource(file.subarray(0, -3)), a!), { code: 'SAFETENSORS_SHORT' })
  const pieces = writeSafetensors([{ name: 'a', shape: [3], values: () => new Float32Array(2) }])
  await t.rejects(collectBytes(pieces), MeshError, 'too few values')
})

/** Plain python: the format from its description, nothing of ours. */
const PYTHON = `
import json, struct, sys
data = open(sys.argv[1], 'rb').read()
(n,) = struct.unpack('<Q', data[:8])
header = json.loads(data[8:8 + n])
out = {}
for name, entry in header.items():
    if name == '__metadata__':
        continue
    a, b = entry['data_offsets']
    assert entry['dtype'] == 'F32'
    out[name] = [entry['shape'], list(struct.unpack('<%dI' % ((b - a) // 4), data[8 + n + a:8 + n + b]))]
print(json.dumps([header['__metadata__'], out]))
`

const python = spawnSync('python3', ['-c', '']).status === 0

t.test('another reader', { skip: python ? false : 'no python3' }, async t => {
  const bits = [0x3f800000, 0x80000000, 0x7fc01234, 1, 0xff800000, 0x40490fdb]
  const file = join(t.testdir(), 'a.safetensors')
  const tensors = [
    { name: 'model.norm.weight', shape: [2, 3], values: () => floats(bits) },
    { name: 'ünïcode "quoted"', shape: [], values: () => Float32Array.of(-2) }
  ]
  writeFileSync(file, await collectBytes(writeSafetensors(tensors, { step: '7' })))
  const [metadata, found] = JSON.parse(execFileSync('python3', ['-c', PYTHON, file], { encoding: 'utf8' }))
  t.strictSame(metadata, { format: 'pt', step: '7' })
  t.strictSame(found, { 'model.norm.weight': [[2, 3], bits], 'ünïcode "quoted"': [[], [0xc0000000]] })
})
