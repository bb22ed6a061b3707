/**
 * An internet of network namespaces: one public host, and two laptops, each behind a router of its own that
 * masquerades and drops what nobody inside has asked for, as those at home do. The test stays outside and
 * reaches the HTTP ports inside through Unix sockets, which namespaces of the network do not part.
 *
 *     laptop 10.77.1.2 ── router (NAT) 11.77.1.2 ── public 11.77.0.1 ── 11.77.2.2 router (NAT) ── laptop 10.77.2.2
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
const PUBLIC_IP = '11.77.0.1'
const SITES = ['a', 'b'] as const
type Site = (typeof SITES)[number]

const ip = (...words: string[]): void => {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] })
}

const inside = (namespace: string, ...words: string[]): void => ip('netns', 'exec', namespace, ...words)

/** Null where such a network can be made, else why not. */
export const withoutNetwork = async (): Promise<string | null> => {
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

const firstLine = (error: unknown): string => String(error).split('\n')[0] ?? ''

export class Network {
  readonly #id = `gmn${process.pid}`
  readonly #namespaces: string[] = []
  readonly #doorways: ChildProcess[] = []
  readonly #servers: Server[] = []
  #sockets = ''
  readonly #onExit = (): void => this.#remove()

  static async create(): Promise<Network> {
    const network = new Network()
    process.on('exit', network.#onExit)
    try {
      await network.#build()
    } catch (error) {
      await network.close()
      throw error
    }
    return network
  }

  /** Where a peer that everybody can call lives. */
  get publicHome(): Home {
    return this.#home('public', PUBLIC_IP, PUBLIC_IP)
  }

  /** Where a laptop behind a NAT lives. */
  laptopHome(site: Site): Home {
    return this.#home(`laptop-${site}`, '0.0.0.0', `10.77.${SITES.indexOf(site) + 1}.2`)
  }

  async close(): Promise<void> {
    for (const doorway of this.#doorways) doorway.kill('SIGKILL')
    for (const server of this.#servers) server.close()
    if (this.#sockets !== '') await rm(this.#sockets, { recursive: true, force: true })
    this.#remove()
    process.off('exit', this.#onExit)
  }

  async #build(): Promise<void> {
    this.#sockets = await mkdtemp(join(tmpdir(), 'gradmesh-nat-'))
    const open = this.#add('public')
    ip('-n', open, 'addr', 'add', `${PUBLIC_IP}/32`, 'dev', 'lo')
    inside(open, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
    for (const [i, site] of SITES.entries()) this.#buildSite(site, i + 1)
    for (const name of ['public', ...SITES.map(site => `laptop-${site}`)]) await this.#openDoorway(name)
  }

  #buildSite(site: Site, n: number): void {
    const [open, router, laptop] = [
      this.#named('public'),
      this.#add(`router-${site}`),
      this.#add(`laptop-${site}`)
    ]
    link(open, `r${site}`, `11.77.${n}.1/24`, router, 'wan', `11.77.${n}.2/24`)
    link(router, 'lan', `10.77.${n}.1/24`, laptop, 'eth0', `10.77.${n}.2/24`)
    ip('-n', router, 'route', 'add', 'default', 'via', `11.77.${n}.1`)
    ip('-n', laptop, 'route', 'add', 'default', 'via', `10.77.${n}.1`)
    inside(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
    const rules = [
      '-t nat -A POSTROUTING -o wan -j MASQUERADE',
      '-P INPUT DROP',
      '-P FORWARD DROP',
      '-A FORWARD -i lan -o wan -j ACCEPT',
      '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT'
    ]
    for (const rule of rules) inside(router, 'iptables', ...rule.split(' '))
  }

  /** A process inside that joins connections of the Unix socket to ports of its loopback. */
  async #openDoorway(name: string): Promise<void> {
    const words = ['netns', 'exec', this.#named(name), process.execPath, DOORWAY, this.#socketOf(name)]
    const doorway = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#doorways.push(doorway)
    const [said] = await Promise.race([once(doorway.stdout, 'data'), once(doorway, 'exit')])
    if (!String(said).startsWith('open')) throw new MeshError('E2E_NAT', `no doorway into ${name}`)
  }

  #home(name: string, listen: string, address: string): Home {
    return {
      listen,
      address,
      enter: ['ip', 'netns', 'exec', this.#named(name)],
      publish: port => this.#publish(name, port)
    }
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

  #add(name: string): string {
    const namespace = this.#named(name)
    ip('netns', 'add', namespace)
    this.#namespaces.push(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }

  #named(name: string): string {
    return `${this.#id}-${name}`
  }

  #socketOf(name: string): string {
    return join(this.#sockets, `${name}.sock`)
  }

  #remove(): void {
    for (const namespace of this.#namespaces.splice(0)) {
      try {
        ip('netns', 'del', namespace)
      } catch (error) {
        process.stderr.write(`${namespace} could not be removed: ${firstLine(error)}\n`)
      }
    }
  }
}

const link = (a: string, aName: string, aIp: string, b: string, bName: string, bIp: string): void => {
  ip('link', 'add', aName, 'netns', a, 'type', 'veth', 'peer', 'name', bName, 'netns', b)
  for (const [namespace, name, address] of [
    [a, aName, aIp],
    [b, bName, bIp]
  ] as const) {
    ip('-n', namespace, 'addr', 'add', address, 'dev', name)
    ip('-n', namespace, 'link', 'set', name, 'up')
  }
}
