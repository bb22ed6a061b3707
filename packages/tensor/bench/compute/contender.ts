/**
 * One library in a process of its own, which stands still while it is not asked: thread pools that wait for more work
 * in a spin (OpenBLAS, OpenMP, onnxruntime) would else take the cores from whoever comes next.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Plan {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export type Answer = { readonly ms: readonly number[]; readonly cpuMs?: number } | { readonly absent: string }

/** A library that has not answered by then is taken for absent from that case. */
const ANSWER_MS_MAX = 180_000
/** All kernels with nothing compiled yet. */
export const COLD_MS_MAX = 900_000

export class Contender {
  readonly name: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  #gone: string | undefined

  constructor({ name, command, args, environment = {} }: Plan) {
    this.name = name
    this.#child = spawn(command, args, {
      cwd: fileURLToPath(new URL('./contenders', import.meta.url)),
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'ignore']
    })
    this.#child.on('error', error => {
      this.#gone ??= String(error)
    })
    this.#child.stdin?.on('error', () => undefined)
    this.#child.on('exit', code => {
      this.#gone ??= `ended with ${code}`
    })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  async measure(what: string, budgetMs: number): Promise<Answer> {
    const answer = await this.ask<Answer>(`${what} | ${budgetMs}`)
    return answer ?? { absent: this.#gone ?? 'no answer' }
  }

  async peakBytes(): Promise<number | null> {
    const answer = await this.ask<{ readonly bytes?: number }>('memory | 0')
    return answer?.bytes ?? null
  }

  async ask<T>(line: string, limitMs = ANSWER_MS_MAX): Promise<T | undefined> {
    if (this.#gone !== undefined) return undefined
    this.#child.kill('SIGCONT')
    this.#child.stdin!.write(`${line}\n`)
    const timer = setTimeout(() => {
      this.#gone ??= `no answer in ${limitMs / 1000} s`
      this.#child.kill('SIGKILL')
    }, limitMs)
    try {
      for (;;) {
        const { value, done } = await this.#lines.next()
        if (done) return undefined
        if (value.startsWith('@')) return JSON.parse(value.slice(1)) as T
      }
    } finally {
      clearTimeout(timer)
      this.#child.kill('SIGSTOP')
    }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}
