/**
 * An internet of network namespaces: one public host, and two laptops, each behind a router of its own that
 * masquerades and drops what nobody inside has asked for, as those at home do.
 *
 *     laptop 10.77.1.2 ── router (NAT) 11.77.1.2 ── public 11.77.0.1 ── 11.77.2.2 router (NAT) ── laptop 10.77.2.2
 */
import type { Home } from '../harness.ts'
import { inside, ip, link, Namespaces } from '../namespaces/namespaces.ts'

const PUBLIC_IP = '11.77.0.1'
const SITES = ['a', 'b'] as const
type Site = (typeof SITES)[number]

export class Network {
  readonly #namespaces: Namespaces

  private constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces
  }

  static async create(): Promise<Network> {
    return new Network(await Namespaces.create(build))
  }

  /** Where a peer that everybody can call lives. */
  get publicHome(): Home {
    return this.#namespaces.home('public', PUBLIC_IP, PUBLIC_IP)
  }

  /** Where a laptop behind a NAT lives. */
  laptopHome(site: Site): Home {
    return this.#namespaces.home(`laptop-${site}`, '0.0.0.0', `10.77.${SITES.indexOf(site) + 1}.2`)
  }

  /** The laptop leaves its network for another: it has lost its address, and nobody tells it. */
  moveLaptop(site: Site): void {
    const laptop = this.#namespaces.named(`laptop-${site}`)
    const net = `10.77.${SITES.indexOf(site) + 1}`
    ip('-n', laptop, 'addr', 'del', `${net}.2/24`, 'dev', 'eth0')
    ip('-n', laptop, 'addr', 'add', `${net}.3/24`, 'dev', 'eth0')
    ip('-n', laptop, 'route', 'add', 'default', 'via', `${net}.1`)
  }

  close(): Promise<void> {
    return this.#namespaces.close()
  }
}

const build = async (namespaces: Namespaces): Promise<void> => {
  const open = namespaces.add('public')
  ip('-n', open, 'addr', 'add', `${PUBLIC_IP}/32`, 'dev', 'lo')
  inside(open, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
  for (const [i, site] of SITES.entries()) buildSite(namespaces, site, i + 1)
  for (const name of ['public', ...SITES.map(site => `laptop-${site}`)]) await namespaces.openDoorway(name)
}

const buildSite = (namespaces: Namespaces, site: Site, n: number): void => {
  const open = namespaces.named('public')
  const router = namespaces.add(`router-${site}`)
  const laptop = namespaces.add(`laptop-${site}`)
  link(
    { namespace: open, name: `r${site}`, address: `11.77.${n}.1/24` },
    { namespace: router, name: 'wan', address: `11.77.${n}.2/24` }
  )
  link(
    { namespace: router, name: 'lan', address: `10.77.${n}.1/24` },
    { namespace: laptop, name: 'eth0', address: `10.77.${n}.2/24` }
  )
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
