/** Which libraries take part, and what each needs; one that cannot run here is absent, with the reason. */
import { execFile } from 'node:child_process'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Plan } from './contender.ts'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('./contenders', import.meta.url))

/** The names under which ratios are reported, in the order of the table. */
export const PEERS = [
  'tfjs-webgpu',
  'tfjs-wasm',
  'ort-webgpu',
  'ort-wasm',
  'jax-webgpu',
  'ort-node',
  'openblas',
  'torch'
] as const
export type Peer = (typeof PEERS)[number]

export interface Found {
  readonly plans: readonly Plan[]
  readonly absent: Readonly<Partial<Record<Peer, string>>>
  readonly clean: () => Promise<void>
}

/** `npm ci` in the contenders' folder unless it was done; the reason why not when it fails. */
const install = async (): Promise<string | undefined> => {
  try {
    await access(join(folder, 'node_modules', '.package-lock.json'))
    return undefined
  } catch {
    try {
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder })
      return undefined
    } catch (error) {
      return `npm ci failed: ${String(error).slice(0, 200)}`
    }
  }
}

const compile = async (out: string): Promise<string | undefined> => {
  try {
    await run('gcc', ['-O2', join(folder, 'openblas.c'), '-o', out, '-lopenblas'])
    return undefined
  } catch {
    return 'needs gcc and libopenblas-dev'
  }
}

/** Debian's, then whatever is called python3. */
const pythonWithTorch = async (): Promise<string | undefined> => {
  for (const python of ['/usr/bin/python3', 'python3']) {
    const works = await run(python, ['-c', 'import torch']).then(
      () => true,
      () => false
    )
    if (works) return python
  }
  return undefined
}

export const ours = (adapter: string, environment: Readonly<Record<string, string>> = {}): Plan => ({
  name: 'gradmesh',
  command: process.execPath,
  args: ['ours.ts', adapter],
  environment
})

export const findPeers = async (adapter: string): Promise<Found> => {
  const absent: Partial<Record<Peer, string>> = {}
  const plans: Plan[] = []
  const reason = await install()
  const node = (name: Peer, ...args: string[]): void => {
    if (reason === undefined) plans.push({ name, command: process.execPath, args })
    else absent[name] = reason
  }
  node('tfjs-webgpu', 'tfjs.ts', 'webgpu', adapter)
  node('tfjs-wasm', 'tfjs.ts', 'wasm')
  node('ort-webgpu', 'ort.ts', 'webgpu', adapter)
  node('ort-wasm', 'ort.ts', 'wasm')
  node('jax-webgpu', 'jax.ts', adapter)
  node('ort-node', 'ort.ts', 'node')
  const scratch = await mkdtemp(join(tmpdir(), 'gradmesh-compute-'))
  const program = join(scratch, 'openblas')
  const noBlas = await compile(program)
  if (noBlas !== undefined) absent.openblas = noBlas
  else
    plans.push({ name: 'openblas', command: program, args: [], environment: { OPENBLAS_NUM_THREADS: '2' } })
  const python = await pythonWithTorch()
  if (python === undefined) absent.torch = 'needs python3-torch'
  else plans.push({ name: 'torch', command: python, args: ['torch_cpu.py'] })
  return { plans, absent, clean: () => rm(scratch, { recursive: true, force: true }) }
}
