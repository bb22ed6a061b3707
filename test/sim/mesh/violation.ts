/** What a judge says of a mesh that broke a rule. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export const violate = (message: string): never => {
  throw new Violation(message)
}
