/**
 * A machine as a page means it: a home and a folder of its own in a temporary place, free ports instead of
 * 4180 and 4190, nothing that listens beyond 127.0.0.1, and `npx gradmesh` straight from the sources. What runs
 * in the background is ended by its process group, whatever becomes of the test.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { MeshError } from '@gradmesh/core'
import { commandsIn } from './blocks.ts'

const PAGE_URL = /127\.0\.0\.1:4180/g
const END_MS = 10_000

export interface Ports {
  readonly http: number
  readonly p2p: number
}

export interface Said {
  readonly code: number | null
  readonly output: string
  readonly answer: string
}

const groups = new Set<number>()
process.on('exit', () => {
  for (const pid of groups) killGroup(pid)
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

const killGroup = (pid: number): void => {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** What a page's folder holds of the checkout. */
const CHECKOUT = ['docker', 'docs', 'packages', 'node_modules', 'package.json']

export class Machine {
  readonly #folder: string
  readonly #env: NodeJS.ProcessEnv
  readonly #ports: Ports
  #running: { readonly child: ChildProcess; output: string } | null = null

  private constructor(folder: string, ports: Ports, env: NodeJS.ProcessEnv) {
    this.#folder = folder
    this.#ports = ports
    this.#env = env
  }

  static async create(root: string, home: string, ports: Ports): Promise<Machine> {
    const folder = join(home, 'gradmesh')
    const bin = join(home, 'bin')
    await mkdir(folder, { recursive: true })
    await mkdir(bin)
    for (const name of CHECKOUT) await symlink(join(root, name), join(folder, name))
    const main = join(root, 'packages/cli/src/main.ts')
    const gradmesh = `exec '${process.execPath}' '${main}' "$@"\n`
    await writeFile(join(bin, 'gradmesh'), `#!/bin/sh\n${gradmesh}`, { mode: 0o755 })
    await writeFile(join(bin, 'npx'), `#!/bin/sh\n[ "$1" = gradmesh ] && shift\n${gradmesh}`, { mode: 0o755 })
    const { NODE_OPTIONS: _, ...env } = process.env
    return new Machine(folder, ports, {
      ...env,
      HOME: home,
      PATH: [bin, process.env.PATH].join(delimiter),
      NO_COLOR: '1',
      GRADMESH_PORT: String(ports.http),
      GRADMESH_URL: `http://127.0.0.1:${ports.http}`,
      GRADMESH_P2P_PORT: String(ports.p2p),
      GRADMESH_P2P_HOST: '127.0.0.1',
      GRADMESH_NO_MDNS: '1',
      // One thread a peer where the GPU is emulated: they share this machine's cores.
      LP_NUM_THREADS: '1'
    })
  }

  /** `answer`: of standard output alone. */
  async run(script: string): Promise<Said> {
    const child = this.#start(script)
    let output = ''
    let answer = ''
    child.stdout?.setEncoding('utf8').on('data', text => {
      output += text
      answer += text
    })
    child.stderr?.setEncoding('utf8').on('data', text => {
      output += text
    })
    const [code] = await once(child, 'close')
    return { code, output: this.#asOnThePage(output), answer }
  }

  begin(script: string): void {
    if (this.#running !== null)
      throw new MeshError('DOCS_BACKGROUND', 'one command goes on already: end it with <!-- Ctrl-C -->')
    const commands = commandsIn(script)
    // In the shell's place, so that it alone hears Ctrl-C and its exit code is the one that is seen.
    const child = this.#start([...commands.slice(0, -1), `exec ${commands.at(-1)}`].join('\n'))
    const running = { child, output: '' }
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', text => {
        running.output += text
      })
    this.#running = running
  }

  /** What the command in the background has said so far; `ended` once it has. */
  background(): { readonly output: string; readonly ended: boolean } {
    if (this.#running === null) throw new MeshError('DOCS_BACKGROUND', 'nothing goes on')
    const { child, output } = this.#running
    return { output: this.#asOnThePage(output), ended: child.exitCode !== null || child.signalCode !== null }
  }

  /** Ctrl-C. Answers the exit code; null when it had to be killed, or nothing went on. */
  async interrupt(): Promise<number | null> {
    if (this.#running === null) return null
    const { child } = this.#running
    this.#running = null
    if (child.exitCode !== null) return child.exitCode
    const ended = once(child, 'exit')
    process.kill(-child.pid!, 'SIGINT')
    const timer = setTimeout(() => killGroup(child.pid!), END_MS)
    const [code] = await ended
    clearTimeout(timer)
    return code
  }

  #start(script: string): ChildProcess {
    const words = script.replaceAll(PAGE_URL, `127.0.0.1:${this.#ports.http}`)
    const child = spawn('sh', ['-euc', words], {
      cwd: this.#folder,
      env: this.#env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const { pid } = child
    if (pid !== undefined) {
      groups.add(pid)
      child.once('exit', () => groups.delete(pid))
    }
    return child
  }

  #asOnThePage(text: string): string {
    return text.replaceAll(`127.0.0.1:${this.#ports.http}`, '127.0.0.1:4180')
  }
}
