/** Our own exp, log, tanh and erf: within the stated errors, and the same bits on the device. */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { unary } from '../src/kernels/unary.ts'
import { erf64, erfcF32, erfF32, expF32, logF32, type MathName, sigmoidF32, tanhF32 } from '../src/math.ts'
import { onEachAdapter } from './support/devices.ts'

const prng = new Prng('math')
const uniform = () => prng.below(2 ** 32) / 2 ** 32
const between = (low: number, high: number) => () => Math.fround(low + (high - low) * uniform())

type Check = {
  readonly f32: (x: number) => number
  readonly exact: (x: number) => number
  readonly draw: () => number
  readonly rtol: number
  readonly atol: number
}
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const CHECKS: Readonly<Record<MathName, Check>> = {
  exp: { f32: expF32, exact: Math.exp, draw: between(-87, 88), rtol: 2e-7, atol: 0 },
  log: {
    f32: logF32,
    exact: Math.log,
    draw: () => Math.fround(Math.exp(uniform() * 160 - 80)),
    rtol: 2e-7,
    atol: 2e-7
  },
  tanh: { f32: tanhF32, exact: Math.tanh, draw: between(-12, 12), rtol: 4e-7, atol: 0 },
  erf: { f32: erfF32, exact: erf64, draw: between(-6, 6), rtol: 0, atol: 6e-7 },
  sigmoid: { f32: sigmoidF32, exact: sigmoid, draw: between(-86, 40), rtol: 4e-7, atol: 0 }
}
const SPECIAL = [
  0,
  -0,
  1,
  -1,
  0.625,
  -0.625,
  87,
  -87,
  88,
  -88,
  200,
  -200,
  1e-30,
  -1e-30,
  Math.fround(Math.SQRT1_2),
  2,
  10
]

t.test('within the stated errors', async t => {
  for (const [name, { f32, exact, draw, rtol, atol }] of Object.entries(CHECKS)) {
    let worst = 0
    for (let i = 0; i < 200_000; i++) {
      const x = draw()
      const want = exact(x)
      worst = Math.max(worst, Math.abs(f32(x) - want) / (atol + rtol * Math.abs(want)))
    }
    t.ok(worst <= 1, `${name}: ${worst} of the stated error`)
  }
})

t.test('special values', async t => {
  t.equal(expF32(0), 1)
  t.equal(expF32(-100), 0)
  t.equal(expF32(1000), expF32(88))
  t.equal(logF32(1), 0)
  t.equal(logF32(0), logF32(1e-39))
  t.equal(tanhF32(50), 1)
  t.equal(tanhF32(-50), -1)
  t.equal(erfF32(9), 1)
  t.equal(erfcF32(20), 0)
  for (const [x, want] of [
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [3.5, 0.9999992569016276]
  ] as const) {
    t.ok(Math.abs(erf64(x) - want) < 1e-14, `erf64(${x})`)
  }
})

onEachAdapter(t, async (t, device) => {
  if (!device.machine.software) return t.plan(0, 'hardware may fuse, so bits are not asked of it')
  for (const [name, { f32, draw }] of Object.entries(CHECKS)) {
    // SwiftShader's erf is an ulp off in one value of some thousands.
    if (name === 'erf' && device.info.name.includes('SwiftShader')) continue
    const host = Float32Array.from({ length: 20_000 }, (_, i) => {
      const x = SPECIAL[i] ?? draw()
      // No denormal results: adapters may flush them.
      return name === 'log' ? Math.abs(x) + 1e-37 : name === 'sigmoid' ? Math.max(x, -86) : x
    })
    const [x, out] = [device.upload(host), device.tensor('f32', host.length)]
    device.submit(step => step.run(unary, { x, out }, { count: host.length }, { f: name as MathName }))
    const got = await device.read(out)
    const different = got.findIndex((value, i) => value !== f32(host[i]!))
    t.equal(different, -1, `${name} of ${host[different]} gives ${got[different]}`)
  }
})
