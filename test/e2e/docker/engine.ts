/** The one door to Docker: its command line, as whoever follows docker/README.md uses it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { MeshError } from '@gradmesh/core'

const run = promisify(execFile)
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const TAIL_LINES = 30

type Env = Readonly<Record<string, string>>

/** What it wrote to its standard output. @throws MeshError `E2E_DOCKER` with the last lines that it said. */
export const docker = async (words: readonly string[], env: Env = {}): Promise<string> =>
  run('docker', [...words], {
    env: { ...process.env, ...env, DOCKER_BUILDKIT: '1', COMPOSE_PROGRESS: 'plain' },
    maxBuffer: OUTPUT_BYTES_MAX
  }).then(
    ({ stdout }) => stdout.trim(),
    ({ stderr, message }) => {
      const said = String(stderr || message)
        .trim()
        .split('\n')
        .slice(-TAIL_LINES)
        .join('\n')
      throw new MeshError('E2E_DOCKER', `docker ${words.slice(0, 8).join(' ')} …: ${said}`)
    }
  )

/** Null where containers can be had, else why not. */
export const withoutEngine = async (): Promise<string | null> => {
  const first = (error: unknown): string => String((error as MeshError).message).split('\n')[0] ?? ''
  try {
    await docker(['info', '--format', '{{.ServerVersion}}'])
  } catch (error) {
    return `no Docker engine can be reached here (${first(error)})`
  }
  try {
    await docker(['compose', 'version', '--short'])
  } catch (error) {
    return `Docker has no compose plugin here (${first(error)})`
  }
  return null
}
