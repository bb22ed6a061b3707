/**
 * Hosts that are network namespaces of this machine. The test stays outside and reaches the HTTP ports inside
 * through Unix sockets, which namespaces of the network do not part. All is removed when it is closed, and when the
 * process ends otherwise.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '@gradmesh/core'
import type { Home } from '../harness.ts'

const DOORWAY = join(import.meta.dirname, 'doorway.ts')

/** Null where namespaces with a firewall can be made, else why not. */
export const withoutNamespaces = async (): Promise<string | null> => {
  if (process.platform !== 'linux') return 'network namespaces need Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const namespace = `gmn${process.pid}-try`
  try {
    ip('netns', 'add', namespace)
  } catch (error) {
    return `ip netns does not work here (Debian: apt-get install iproute2): ${firstLine(error)}`
  }
  try {
    inside(namespace, 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE')
    return null
  } catch (error) {
    return `iptables can't masquerade here (Debian: apt-get install iptables): ${firstLine(error)}`
  } finally {
    ip('netns', 'del', namespace)
  }
}

export const ip = (...words: readonly string[]): void => {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] })
}

export const inside = (namespace: string, ...words: readonly string[]): void =>
  ip('netns', 'exec', namespace, ...words)

/** One end of a cable: the namespace, the name of the interface there, and its address, none for a switch's port. */
export interface End {
  readonly namespace: string
  readonly name: string
  readonly address?: string
}

export const link = (a: End, b: End): void => {
  const ends = [a.name, 'netns', a.namespace, 'type', 'veth', 'peer', 'name', b.name, 'netns', b.namespace]
  ip('link', 'add', ...ends)
  for (const { namespace, name, address } of [a, b]) {
    if (address !== undefined) ip('-n', namespace, 'addr', 'add', address, 'dev', name)
    ip('-n', namespace, 'link', 'set', name, 'up')
  }
}

export class Namespaces {
  readonly #id = `gmn${process.pid}`
  readonly #all: string[] = []
  readonly #doorways: ChildProcess[] = []
  readonly #servers: Server[] = []
  #sockets = ''
  readonly #onExit = (): void => this.#remove()

  /** `build` makes the network; what it made is removed when it fails. */
  static async create(build: (namespaces: Namespaces) => Promise<void>): Promise<Namespaces> {
    const namespaces = new Namespaces()
    process.on('exit', namespaces.#onExit)
    try {
      namespaces.#sockets = await mkdtemp(join(tmpdir(), 'gradmesh-netns-'))
      await build(namespaces)
    } catch (error) {
      await namespaces.close()
      throw error
    }
    return namespaces
  }

  /** Answers the name that `ip` knows it by. */
  add(name: string): string {
    const namespace = this.named(name)
    ip('netns', 'add', namespace)
    this.#all.push(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }

  named(name: string): string {
    return `${this.#id}-${name}`
  }

  /** From then on ports of its loopback can be published. */
  async openDoorway(name: string): Promise<void> {
    const words = ['netns', 'exec', this.named(name), process.execPath, DOORWAY, this.#socketOf(name)]
    const doorway = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#doorways.push(doorway)
    const [said] = await Promise.race([once(doorway.stdout, 'data'), once(doorway, 'exit')])
    if (!String(said).startsWith('open')) throw new MeshError('E2E_NETNS', `no doorway into ${name}`)
  }

  /** Where peers live that listen on `listen` and are dialled at `address`. */
  home(name: string, listen: string, address: string): Home {
    return {
      listen,
      address,
      enter: ['ip', 'netns', 'exec', this.named(name)],
      publish: port => this.#publish(name, port)
    }
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close()
    if (this.#sockets !== '') await rm(this.#sockets, { recursive: true, force: true })
    this.#remove()
    process.off('exit', this.#onExit)
  }

  async #publish(name: string, port: number): Promise<void> {
    const server = createServer(outer => {
      const inner = connect(this.#socketOf(name))
      inner.write(`${port}\n`)
      outer.pipe(inner).pipe(outer)
      for (const socket of [outer, inner]) {
        socket.on('error', () => {})
        socket.once('close', () => {
          outer.destroy()
          inner.destroy()
        })
      }
    })
    this.#servers.push(server)
    server.listen(port, '127.0.0.1')
    server.unref()
    await once(server, 'listening')
  }

  #socketOf(name: string): string {
    return join(this.#sockets, `${name}.sock`)
  }

  #remove(): void {
    for (const doorway of this.#doorways) doorway.kill('SIGKILL')
    for (const namespace of this.#all.splice(0)) {
      try {
        ip('netns', 'del', namespace)
      } catch (error) {
        process.stderr.write(`${namespace} could not be removed: ${firstLine(error)}\n`)
      }
    }
  }
}

const firstLine = (error: unknown): string => String(error).split('\n')[0] ?? ''
