/** Which machines this runs on, and which Node runs what follows. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT, Stop } from './process.mjs'

const SETUP_NODE = 20
/** Runs TypeScript as it is, and libp2p. */
const OWN_NODE = [22, 18]

const ownVersion = () => process.versions.node.split('.').map(Number)

export const checkPlatform = () => {
  const [major] = ownVersion()
  if (major < SETUP_NODE)
    throw new Stop(
      `Node ${process.versions.node} is too old: install Node ${SETUP_NODE} or newer (https://nodejs.org).`
    )
  const { platform, arch } = process
  if (!['linux', 'darwin', 'win32'].includes(platform) || !['x64', 'arm64'].includes(arch)) {
    throw new Stop(
      `there is no WebGPU runtime for ${platform} on ${arch}: Linux, macOS or Windows on x64 or arm64 is needed.`
    )
  }
  if (platform === 'linux' && process.report?.getReport().header.glibcVersionRuntime === undefined) {
    throw new Stop(
      'this Linux has no glibc (Alpine?), which the WebGPU runtime needs: use Debian, Ubuntu, Fedora or the like.'
    )
  }
}

/** Node 24 comes with the dependencies on Linux; elsewhere the machine's own must be new enough. */
export const findRuntime = async () => {
  const locked = join(ROOT, 'node_modules', '.bin', 'node')
  if (existsSync(locked) && (await runs(locked))) return locked
  const [major, minor] = ownVersion()
  if (major > OWN_NODE[0] || (major === OWN_NODE[0] && minor >= OWN_NODE[1])) return process.execPath
  const how =
    process.platform === 'darwin' ? 'brew install node, or https://nodejs.org' : 'https://nodejs.org'
  throw new Stop(
    `Node ${OWN_NODE.join('.')} or newer is needed here, this is ${process.versions.node}: ${how}`
  )
}

const runs = file =>
  promisify(execFile)(file, ['--version'])
    .then(() => true)
    .catch(() => false)
