/** Adapters without usable subgroups: the same cases, with a machine that says it has none. */
import t from 'tap'
import type { Kernel } from '../src/index.ts'
import { attention } from '../src/kernels/attention.ts'
import { attentionBackwardKV, attentionBackwardQ, attentionDelta } from '../src/kernels/attention-backward.ts'
import { clipFactor } from '../src/kernels/clip.ts'
import { layerNorm, layerNormBackward } from '../src/kernels/layer-norm.ts'
import { reduceRows } from '../src/kernels/reduce-rows.ts'
import { softmax } from '../src/kernels/softmax.ts'
import { onEachAdapter } from './support/devices.ts'
import { runCases } from './support/kernel-suite.ts'

const CASES_MAX = 2
const KERNELS = [
  attention,
  attentionBackwardKV,
  attentionBackwardQ,
  attentionDelta,
  clipFactor,
  layerNorm,
  layerNormBackward,
  reduceRows,
  softmax
] as readonly unknown[] as readonly Kernel[]

onEachAdapter(t, async (t, device) => {
  if (device.machine.subgroupSize === 0) {
    t.plan(0, 'this adapter has none: the kernel suite has run these forms')
    return
  }
  for (const kernel of KERNELS) {
    const plain: Kernel = {
      ...kernel,
      id: `${kernel.id}/without-subgroups`,
      // Mesa compiles barriers slowly.
      cases: prng => [...kernel.cases(prng)].slice(0, CASES_MAX),
      variant: (scalars, options, machine) =>
        kernel.variant(scalars, options, { ...machine, subgroupSize: 0 })
    }
    await t.test(plain.id, async t => {
      for await (const { name, wrong } of runCases(device, plain)) t.strictSame(wrong, [], name)
    })
  }
})
