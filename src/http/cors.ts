/** CORS headers of every response. https://spec.matrix.org/v1.19/client-server-api/#web-browser-clients */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization',
} as const

/**
 * Headers of a preflight response: browsers cache it for a day, the longest they accept. All requests are allowed, so no
 * route is looked up.
 */
export const preflightHeaders = { ...corsHeaders, 'access-control-max-age': '86400' } as const
