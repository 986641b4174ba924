import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type IssuedFiles = { certificate: string; key: string }

/** A certificate authority of one test, in a folder that ends with it. */
export class TestAuthority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'myelin-ca-'))
  /** Its certificate, in PEM. */
  readonly file = join(this.folder, 'ca.crt')
  readonly #issued = new Map<string, IssuedFiles>()
  #count = 0

  constructor() {
    openssl(['req', '-x509', ...newKey, '-subj', '/CN=Test authority', ...this.#out('ca')])
  }

  get pem(): string {
    return readFileSync(this.file, 'utf8')
  }

  /** Files of a certificate for these host names and addresses; the same ones for the same names. */
  issue(...names: readonly string[]): IssuedFiles {
    const known = this.#issued.get(names.join()) ?? this.renew(...names)
    this.#issued.set(names.join(), known)
    return known
  }

  /** New files. */
  renew(...names: readonly string[]): IssuedFiles {
    const name = `leaf-${this.#count++}`
    const at = (suffix: string) => join(this.folder, `${name}.${suffix}`)
    const alternatives = names.map((each) => `${isIP(each) ? 'IP' : 'DNS'}:${each}`).join(',')
    writeFileSync(at('ext'), `subjectAltName=${alternatives}\nbasicConstraints=CA:FALSE\n`)
    openssl(['req', '-new', ...newKey, '-subj', '/CN=Test server', '-keyout', at('key'), '-out', at('csr')])
    const signer = ['-CA', this.file, '-CAkey', join(this.folder, 'ca.key'), '-set_serial', `${1000 + this.#count}`]
    openssl(['x509', '-req', '-in', at('csr'), '-extfile', at('ext'), '-days', '2', ...signer, '-out', at('crt')])
    return { certificate: at('crt'), key: at('key') }
  }

  /** The same as texts. */
  identity(...names: readonly string[]): { cert: string; key: string } {
    const { certificate, key } = this.issue(...names)
    return { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #out(name: string): string[] {
    return ['-days', '2', '-keyout', join(this.folder, `${name}.key`), '-out', join(this.folder, `${name}.crt`)]
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}
