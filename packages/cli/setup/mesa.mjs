/**
 * Mesa's lavapipe, a Vulkan driver on the CPU, for Linux machines without a usable GPU. Debian 12 has
 * one too old for WebGPU; its backports carry a newer. Their mirror is taken from the machine's own apt
 * settings, so that proxies and local mirrors keep working.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { runQuietly, Stop, say, tailOf } from './process.mjs'

const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1']
const SOURCE_FILE = '/etc/apt/sources.list.d/gradmesh-backports.list'

/** Installs it where we may, else ends with the exact command for this system. */
export const ensureMesa = async () => {
  const system = readSystem()
  const plan = mesaPlan(system)
  if (plan.tell !== undefined) throw new Stop(`this machine has no usable WebGPU adapter. ${plan.tell}`)
  say(`no usable WebGPU adapter: installing Mesa's software Vulkan driver (${plan.what}) …`)
  const log = join(mkdtempSync(join(tmpdir(), 'gradmesh-setup-')), 'mesa.log')
  const code = await runQuietly('/bin/sh', ['-ec', plan.script], {
    log,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  })
  if (code !== 0) throw new Stop(`that failed with exit code ${code}; the end of ${log}:\n${tailOf(log)}`)
  say('Mesa is installed')
}

/**
 * @param system `id`, `codename` of /etc/os-release; `isRoot`; `tools`, those of the package managers and
 * sudo that exist; `sources`, lines of "site release component" from apt's own settings.
 * @returns {{ script: string, what: string } | { tell: string }}
 */
export const mesaPlan = ({ codename, isRoot, tools, sources }) => {
  if (tools.includes('apt-get')) {
    const needsBackports = codename === 'bookworm'
    const mirror = needsBackports ? backportsMirror(sources) : null
    if (mirror === undefined) {
      return {
        tell:
          "No Debian mirror for bookworm stands in this machine's apt settings. Add bookworm-backports to them, then run:\n" +
          asRoot(installLine(true), isRoot, tools)
      }
    }
    const script = [
      ...(mirror === null || mirror === '' ? [] : [sourceLine(mirror)]),
      'apt-get update',
      installLine(needsBackports)
    ].join(' && ')
    const what = needsBackports
      ? `${PACKAGES[0]} from bookworm-backports${mirror === '' ? '' : `, mirror ${mirror}, added as ${SOURCE_FILE}`}`
      : PACKAGES[0]
    return isRoot ? { script, what } : { tell: `Run this, then try again:\n${asRoot(script, isRoot, tools)}` }
  }
  const others = {
    dnf: 'dnf install -y mesa-vulkan-drivers vulkan-loader',
    pacman: 'pacman -S --needed vulkan-swrast vulkan-icd-loader',
    zypper: 'zypper install -y libvulkan_lvp libvulkan1'
  }
  const manager = Object.keys(others).find(name => tools.includes(name))
  if (manager === undefined)
    return {
      tell: 'Install a Vulkan driver for your GPU, or Mesa 24 or newer with its software driver lavapipe, then try again.'
    }
  return { tell: `Run this, then try again:\n${asRoot(others[manager], isRoot, tools)}` }
}

/** The mirror to take backports from; empty when they are in the settings already, undefined when none is found. */
const backportsMirror = sources => {
  const entries = sources.map(line => line.split(' ')).filter(([, , component]) => component === 'main')
  if (entries.some(([, release]) => release === 'bookworm-backports')) return ''
  return (
    entries.find(([, release]) => release === 'bookworm')?.[0] ??
    entries.find(([, release]) => release === 'bookworm-updates')?.[0]
  )
}

const sourceLine = mirror => `echo "deb ${mirror} bookworm-backports main" > ${SOURCE_FILE}`

const installLine = fromBackports =>
  `apt-get install -y --no-install-recommends ${fromBackports ? '-t bookworm-backports ' : ''}-o DPkg::Lock::Timeout=120 ${PACKAGES.join(' ')}`

const asRoot = (script, isRoot, tools) => {
  if (isRoot) return `  ${script}`
  const quoted = `'${script}'`
  return tools.includes('sudo') ? `  sudo sh -c ${quoted}` : `  su -c ${quoted}`
}

const TOOLS = ['apt-get', 'dnf', 'pacman', 'zypper', 'sudo']

const readSystem = () => {
  const release = Object.fromEntries(
    readOr('/etc/os-release', '')
      .split('\n')
      .map(line => /^([A-Z_]+)="?(.*?)"?$/.exec(line))
      .filter(match => match !== null)
      .map(([, name, value]) => [name, value])
  )
  const tools = TOOLS.filter(isOnPath)
  return {
    codename: release.VERSION_CODENAME,
    isRoot: process.getuid?.() === 0,
    tools,
    sources: tools.includes('apt-get') ? aptSources() : []
  }
}

const readOr = (file, fallback) => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return fallback
  }
}

const isOnPath = name =>
  `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter).some(folder => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** Answered from the settings alone, whatever their format, and without a package list having been fetched. */
const aptSources = () => {
  try {
    const format = ['$(SITE)', '$(RELEASE)', '$(COMPONENT)'].join(' ')
    return execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore']
    })
      .split('\n')
      .map(line => line.trim())
      .filter(line => line !== '')
  } catch {
    return []
  }
}
