/**
 * The multiaddr of a peer whose key is known: its peer id is base58btc of an identity multihash over
 * the libp2p protobuf of an Ed25519 public key (libp2p specification, peer ids).
 */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** Identity hash, 36 bytes long; key type Ed25519, key of 32 bytes. */
const PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20]

export const peerIdOf = (publicKey: Uint8Array): string => {
  let rest = BigInt(`0x${Buffer.from([...PREFIX, ...publicKey]).toString('hex')}`)
  let letters = ''
  for (; rest > 0n; rest /= 58n) letters = ALPHABET[Number(rest % 58n)] + letters
  // One leading zero byte is one leading "1".
  return `1${letters}`
}

export const peerAddress = (host: string, port: number, publicKey: Uint8Array): string =>
  `/ip4/${host}/tcp/${port}/p2p/${peerIdOf(publicKey)}`
