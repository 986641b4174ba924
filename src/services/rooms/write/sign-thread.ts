import { sign } from 'node:crypto'
import { serveJobs } from '#base/threads/thread.ts'
import { encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'
import type { SigningJob } from './event-signer.ts'

/** Signs the texts of a job; answers the signatures in one text, since all are of one length. */
serveJobs(async (given): Promise<string> => {
  const { bytes, ends, privateKey } = given as SigningJob
  return ends
    .map((end, index) => sign(null, bytes.subarray(ends[index - 1] ?? 0, end), privateKey))
    .map(encodeUnpaddedBase64)
    .join('')
})
