/**
 * A process whose memory ends: it bounds its own address space, fills it with arrays until the GPU has
 * no more, then opens the device again. Says what it saw as one line of JSON.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { MeshError } from '@gradmesh/core'
import { biasRelu, openDevice, type Tensor } from '../../src/index.ts'

const MIB = 2 ** 20
const ROOM = 768 * MIB
const ARRAY = 64 * MIB

const addressSpace = (): number =>
  1024 * Number(/^VmSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1])

const sum = async (device: Awaited<ReturnType<typeof openDevice>>): Promise<number> => {
  const x = device.upload(Float32Array.of(1, -2, 3, -4))
  const bias = device.upload(Float32Array.of(0.5))
  const out = device.tensor('f32', 4)
  device.submit(step => step.run(biasRelu, { x, bias, out }, { count: 4, columns: 1 }, { relu: true }))
  const values = await device.read(out)
  for (const tensor of [x, bias, out]) tensor.free()
  return values.reduce((a, b) => a + b)
}

const adapter = process.argv[2]!
const device = await openDevice({ adapter })
const before = await sum(device)
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${addressSpace() + ROOM}`])

const held: Tensor[] = []
let code = 'none'
let remedy: string | undefined
try {
  while (held.length < 64) {
    held.push(device.tensor('f32', ARRAY / 4))
    await device.idle()
  }
} catch (error) {
  if (!(error instanceof MeshError)) throw error
  code = error.code
  remedy = error.remedy
}
device.close()
const again = await openDevice({ adapter })
const after = await sum(again)
again.close()
console.log(JSON.stringify({ arrays: held.length, code, remedy, before, after }))
process.exit()
