/** What must not leave this machine, and its removal from any text. */
import { readFile } from 'node:fs/promises'
import { paths } from '@gradmesh/peer'

const SHORTEST = 6

export interface Secrets {
  /** Every form in which one could stand in a text. */
  readonly forms: readonly string[]
}

/** Of a folder and an environment: the key (plain or sealed), the token, the passphrase. */
export const secretsOf = async (
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  tokenFile: string | undefined
): Promise<Secrets> => {
  const { key, httpToken } = paths(folder)
  const files = [key, httpToken, tokenFile, env.GRADMESH_PASSPHRASE_FILE]
  const texts = await Promise.all(
    files.map(path => (path === undefined ? '' : readFile(path, 'utf8').catch(() => '')))
  )
  const whole = [...texts, env.GRADMESH_PASSPHRASE ?? ''].map(text => text.trim())
  // A sealed key is a JSON object: its box must not leave either, for whoever has it can try passphrases.
  const parts = whole.flatMap(text =>
    [...text.matchAll(/"(?:box|salt|nonce)":"([0-9a-f]+)"/g)].map(m => m[1]!)
  )
  const secrets = [...whole, ...parts].filter(text => text.length >= SHORTEST)
  return { forms: [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length) }
}

const formsOf = (secret: string): string[] => {
  const bytes = [
    Buffer.from(secret),
    ...(/^([0-9a-f]{2})+$/.test(secret) ? [Buffer.from(secret, 'hex')] : [])
  ]
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    ...bytes.flatMap(each => [
      each.toString('hex'),
      each.toString('hex').toUpperCase(),
      each.toString('base64').replace(/=+$/, ''),
      each.toString('base64url')
    ])
  ]
}

/** Also what looks like a bearer token or a ticket, whoever it belongs to. */
export const withoutSecrets = (text: string, { forms }: Secrets): string =>
  forms
    .reduce((rest, form) => rest.replaceAll(form, '[removed]'), text)
    .replace(/Bearer\s+[\w.~+/=-]{8,}/gi, 'Bearer [removed]')
    .replace(/gradmesh\d{1,5}z[1-9A-HJ-NP-Za-km-z]{16,}/g, '[ticket removed]')
