/** The one door to HTTP: fastify, with the routes of `@gradmesh/api` and the page's files. */
import {
  check,
  type ErrorForm,
  type InputOf,
  makeProblem,
  object,
  type Route,
  type Routes,
  readParameters,
  routes
} from '@gradmesh/api'
import { type Logger, MeshError } from '@gradmesh/core'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { type Answers, answersOf } from './answers.ts'
import { EventHub } from './events.ts'
import { inspect, isLoopback } from './guard.ts'
import { CompletionWriter } from './inference.ts'
import { type HttpLimits, httpLimits } from './limits.ts'
import type { PrometheusMetrics } from './metrics.ts'
import { answerParserError, ProblemError, problemOf, refuse, sendProblem } from './problems.ts'
import { securityHeaders } from './security-headers.ts'
import { gaugeStatus } from './status-metrics.ts'
import { type Access, authorise } from './token.ts'
import type { PeerView } from './view.ts'

/** A file of the page, by its path: `/` is the page itself. */
export type StaticFiles = ReadonlyMap<string, { readonly body: string | Uint8Array; readonly type: string }>

export interface HttpServerOptions {
  /** 127.0.0.1 when left out: nobody else can ask. */
  readonly host?: string
  /** 0 takes any free port. */
  readonly port: number
  readonly view: PeerView
  readonly metrics: PrometheusMetrics
  readonly logger: Logger
  readonly files?: StaticFiles
  /** Names that the Host header may carry besides `localhost` and IP addresses. */
  readonly hostNames?: readonly string[]
  /** Needed unless `host` is loopback. */
  readonly access?: Access
  readonly limits?: Partial<HttpLimits>
}

export interface HttpServer {
  readonly url: string
  /** Ends event streams, lets answers on their way finish for a moment, then cuts. */
  close(): Promise<void>
}

/** @throws MeshError HTTP_TOKEN_MISSING, HTTP_PORT_IN_USE, HTTP_PORT_FORBIDDEN, HTTP_ADDRESS_UNKNOWN */
export const createHttpServer = async (options: HttpServerOptions): Promise<HttpServer> => {
  const host = options.host ?? '127.0.0.1'
  if (!isLoopback(host) && options.access === undefined)
    throw new MeshError('HTTP_TOKEN_MISSING', `without a token the peer does not serve HTTP on ${host}`, {
      remedy: 'give it a token file, or serve on 127.0.0.1'
    })
  const limits: HttpLimits = { ...httpLimits, ...options.limits }
  const hub = new EventHub(options.view, limits, options.logger)
  const app = build(host, limits, hub, options)
  try {
    await app.listen({ host, port: options.port })
  } catch (cause) {
    hub.close()
    await app.close()
    throw listenError(cause, host, options.port)
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: async () => {
      hub.close()
      const cut = setTimeout(() => app.server.closeAllConnections(), limits.closeGraceMs)
      await app.close()
      clearTimeout(cut)
    }
  }
}

const build = (
  host: string,
  limits: HttpLimits,
  hub: EventHub,
  options: HttpServerOptions
): FastifyInstance => {
  const { view, metrics, logger, files = new Map() } = options
  const app = fastify({
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionTimeout: limits.idleTimeoutMs,
    maxRequestsPerSocket: limits.requestsPerConnectionMax,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: limits.headersTimeoutMs,
      maxHeaderSize: limits.headerBytesMax,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
      requireHostHeader: false // the guard asks for it, and answers with a problem document
    },
    routerOptions: { maxParamLength: 128 },
    clientErrorHandler: answerParserError,
    frameworkErrors: (error, request, reply) => {
      sendProblem(reply, problemOf(error, request, logger))
    }
  })
  app.server.maxConnections = limits.connectionsMax

  let requests = 0
  const rule = { host, names: (options.hostNames ?? []).map(name => name.toLowerCase()) }
  app.addHook('onRequest', async (request, reply) => {
    requests += 1
    reply.raw.once('close', () => {
      requests -= 1
    })
    reply.headers(securityHeaders).header('cache-control', 'no-store')
    const wrong = inspect(request.method, request.headers, rule, limits.bodyBytesMax)
    if (wrong !== undefined) throw wrong
    const isPage = isRead(request) && files.has(request.routeOptions.url ?? '')
    const unknown = isPage
      ? undefined
      : authorise(request.method, request.headers.authorization, options.access)
    if (unknown !== undefined) throw unknown
    if (requests - hub.clients > limits.requestsMax)
      throw refuse('HTTP_BUSY', 'the peer answers as many requests as it can', { 'retry-after': '1' })
  })
  app.addHook('onResponse', async (request, reply) => {
    const labels = { route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }
    metrics.count('gradmesh_http_requests_total', labels)
    metrics.observe('gradmesh_http_request_seconds', reply.elapsedTime / 1000)
  })

  const answers = answersOf(view)
  for (const [name, route] of Object.entries<Route>(routes)) {
    if (route.kind !== 'json') continue
    const answer = answers[name as keyof Answers] as (input: Input, gone: AbortSignal) => unknown
    app.route({
      method: route.method,
      url: route.url,
      handler: async (request, reply) => {
        const body = JSON.stringify(await answer(inputOf(route, request), goneSignal(reply)))
        return reply.type('application/json; charset=utf-8').send(body)
      }
    })
  }
  app.get(routes.events.url, { exposeHeadRoute: false }, async (request, reply) => {
    const { replay } = inputOf(routes.events, request)
    if (hub.isFull)
      throw refuse('HTTP_EVENTS_FULL', `${hub.clients} clients listen already`, { 'retry-after': '5' })
    openStream(reply, hub, request, replay === 'all')
  })
  app.post(routes.completions.url, async (request, reply) => {
    const ask = inputOf(routes.completions, request) as InputOf<Routes['completions']>
    const gone = goneSignal(reply)
    // A text may take longer than a connection may lie still; who waits in line says nothing either.
    request.raw.socket.setTimeout(limits.answerTimeoutMs)
    const writer = await CompletionWriter.begin(view, ask, gone)
    if (ask.stream !== true)
      return reply.type('application/json; charset=utf-8').send(JSON.stringify(await writer.whole(gone)))
    await writer.stream(reply.raw, gone)
    return reply.hijack()
  })
  app.get(routes.metrics.url, async (request, reply) => {
    inputOf(routes.metrics, request)
    gaugeStatus(view.status(), metrics)
    metrics.gauge('gradmesh_event_clients', hub.clients)
    const { peers } = await view.peers()
    const graylisted = peers.filter(peer => peer.graylisted).length
    metrics.gauge('gradmesh_peers', peers.length - graylisted, { state: 'active' })
    metrics.gauge('gradmesh_peers', graylisted, { state: 'graylisted' })
    return reply.type(metrics.contentType).send(await metrics.expose())
  })
  for (const [path, { body, type }] of files)
    app.get(path, async (_request, reply) => reply.header('cache-control', 'no-cache').type(type).send(body))

  app.setErrorHandler((error, request, reply) =>
    sendProblem(reply, problemOf(error, request, logger), errorFormOf(request))
  )
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const shown = path.slice(0, 128)
    const methods = methodsOf(path, files)
    const isKnown = methods.length > 0 && !methods.includes(request.method)
    // A body that is not read costs the connection.
    const headers = isRead(request) ? {} : { connection: 'close' }
    return sendProblem(
      reply,
      isKnown
        ? refuse('HTTP_METHOD', `${shown} cannot be asked by ${request.method}`, {
            ...headers,
            allow: methods.join(', ')
          })
        : refuse('HTTP_ROUTE_UNKNOWN', `${shown} is not served here`, headers)
    )
  })
  return app
}

/** Aborts when the client leaves before its answer is whole. */
const goneSignal = ({ raw }: FastifyReply): AbortSignal => {
  const gone = new AbortController()
  raw.once('close', () => gone.abort())
  return gone.signal
}

const errorFormOf = ({ routeOptions: { url, method } }: FastifyRequest): ErrorForm =>
  Object.values<Route>(routes).find(route => route.url === url && route.method === method)?.errorForm ??
  'problem'

const isRead = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD'

type Input = Readonly<Record<string, unknown>>

const inputOf = (route: Route, request: FastifyRequest): Input => {
  const params = readParameters(route.params, request.params as Input)
  const query = readParameters(route.query, request.query as Input)
  const body = route.method === 'GET' ? {} : request.body
  if (typeof body !== 'object') throw refuse('HTTP_BODY_MALFORMED', 'there is no JSON in the body')
  const wrong = [...params.wrong, ...query.wrong, ...check(object(route.body), body, { closed: true })]
  if (wrong.length === 0) return { ...params.values, ...query.values, ...(body as Input) }
  const errors = wrong.map(({ path, detail }) => ({ name: path === '' ? 'body' : path, detail }))
  const detail = errors.map(error => `${error.name} ${error.detail}`).join('; ')
  throw new ProblemError(makeProblem('HTTP_PARAMETER', detail, errors))
}

const openStream = (reply: FastifyReply, hub: EventHub, request: FastifyRequest, replay: boolean): void => {
  reply.hijack()
  reply.raw.writeHead(200, {
    ...securityHeaders,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // The stream ends with its connection, so that closing the server leaves none behind.
    connection: 'close'
  })
  const lastEventId = request.headers['last-event-id']
  hub.open(reply.raw, typeof lastEventId === 'string' ? lastEventId : undefined, replay)
}

/** None for a path that is not served. */
const methodsOf = (path: string, files: StaticFiles): string[] => {
  const served = Object.values<Route>(routes).filter(route => isPathOf(route, path))
  const methods = new Set<string>(served.map(({ method }) => method))
  if (files.has(path)) methods.add('GET')
  return methods.has('GET') ? ['GET', 'HEAD', ...methods].filter(isFirst) : [...methods]
}

const isFirst = (value: string, at: number, all: readonly string[]): boolean => all.indexOf(value) === at

const isPathOf = (route: Route, path: string): boolean =>
  new RegExp(`^${route.url.replaceAll('.', '\\.').replace(/:[a-z]+/gi, '[^/]+')}$`).test(path)

const listenError = (cause: unknown, host: string, port: number): unknown => {
  const data = { host, port }
  const { code, syscall } = cause as NodeJS.ErrnoException
  switch (syscall === 'getaddrinfo' ? 'EADDRNOTAVAIL' : code) {
    case 'EADDRINUSE':
      return new MeshError('HTTP_PORT_IN_USE', `port ${port} on ${host} is in use by another program`, {
        remedy:
          'stop that program (is another gradmesh peer running?), or choose another HTTP port with --port',
        cause,
        data
      })
    case 'EACCES':
      return new MeshError('HTTP_PORT_FORBIDDEN', `this user may not listen on port ${port}`, {
        remedy: 'choose an HTTP port above 1023 with --port',
        cause,
        data
      })
    case 'EADDRNOTAVAIL':
      return new MeshError('HTTP_ADDRESS_UNKNOWN', `${host} is not an address of this machine`, {
        remedy: 'use 127.0.0.1, or an address that `ip addr` shows',
        cause,
        data
      })
    default:
      return cause
  }
}
