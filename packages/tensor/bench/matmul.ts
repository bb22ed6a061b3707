/**
 * GFLOP/s of the matmul families and forms, interleaved: only figures of one run may be compared.
 *
 *     node packages/tensor/bench/matmul.ts [rounds]
 *
 * Prints median (best) and the cold time of the first call, compiler included.
 */
import { parseArgs } from 'node:util'
import { Prng } from '@gradmesh/core'
import {
  type Kernel,
  type MatmulOptions,
  matmulNN,
  matmulNT,
  matmulTN,
  openDevice,
  type Shape
} from '../src/index.ts'

const { positionals } = parseArgs({ allowPositionals: true })
const rounds = Number(positionals[0] ?? 7)

interface Contender {
  readonly name: string
  readonly kernel: Kernel<Shape, MatmulOptions>
  readonly options: MatmulOptions
}

const device = await openDevice()
const { software, subgroupSize } = device.machine
console.log(`${device.info.name}; software ${software}; subgroups of ${subgroupSize}`)

const dir4 = (kernel: Kernel<Shape, MatmulOptions>, form: string): Contender[] =>
  subgroupSize === 0
    ? []
    : [8, 16, 32]
        .filter(rows => rows % subgroupSize === 0)
        .map(tileRows => ({
          name: `dir4 ${form} ${tileRows}`,
          kernel,
          options: { family: 'dir4', tileRows }
        }))

const contenders: readonly Contender[] = [
  ...dir4(matmulNN, 'nn'),
  ...dir4(matmulNT, 'nt'),
  ...dir4(matmulTN, 'tn'),
  { name: 'tiled nn', kernel: matmulNN, options: { family: 'tiled' } },
  { name: 'tiled nt', kernel: matmulNT, options: { family: 'tiled' } },
  { name: 'tiled tn', kernel: matmulTN, options: { family: 'tiled' } },
  { name: 'chosen nn', kernel: matmulNN, options: {} },
  { name: 'chosen nt', kernel: matmulNT, options: {} },
  { name: 'chosen tn', kernel: matmulTN, options: {} }
]

const prng = new Prng('bench/matmul')
const values = (n: number) => Float32Array.from({ length: n }, () => prng.below(2 ** 24) / 2 ** 23 - 1)

for (const size of [256, 512, 1024]) {
  const shape = { m: size, n: size, k: size }
  const a = device.upload(values(size * size))
  const b = device.upload(values(size * size))
  const out = device.tensor('f32', size * size)
  const time = async ({ kernel, options }: Contender, repeats: number): Promise<number> => {
    const from = performance.now()
    device.submit(step => {
      for (let i = 0; i < repeats; i++) step.run(kernel, { a, b, out }, shape, options)
    })
    await device.idle()
    return (performance.now() - from) / repeats
  }
  const cold = new Map<string, number>()
  const seen = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (const contender of contenders) cold.set(contender.name, await time(contender, 1))
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders)
      seen.get(contender.name)!.push(await time(contender, size < 512 ? 8 : 1))
  }
  const rate = (ms: number) => (2 * size ** 3) / ms / 1e6
  const medians = new Map<string, number>()
  for (const [name, times] of seen) {
    times.sort((x, y) => x - y)
    medians.set(name, rate(times[times.length >> 1]!))
    const figures = `${medians.get(name)!.toFixed(1)} (${rate(times[0]!).toFixed(1)})`
    console.log(
      `${size}  ${name.padEnd(12)} ${figures.padEnd(14)} GFLOP/s, first ${cold.get(name)!.toFixed(0)} ms`
    )
  }
  const ratio = (form: string) => (medians.get(`chosen ${form}`)! / medians.get('chosen nn')!).toFixed(2)
  console.log(`${size}  nt/nn ${ratio('nt')}  tn/nn ${ratio('tn')}`)
  for (const tensor of [a, b, out]) tensor.free()
}
device.close()
