import tseslint from 'typescript-eslint'

/** Effects enter through the context; only base/ (and the composition root) may touch them. */
const ambient = [
  { object: 'Date', property: 'now', message: 'use ctx.clock.now()' },
  { object: 'Math', property: 'random', message: 'use ctx.tokens' },
  { object: 'process', property: 'env', message: 'read configuration through src/base/config' },
  { object: 'crypto', property: 'randomUUID', message: 'use ctx.tokens' },
]

export default tseslint.config(
  { ignores: ['node_modules', 'data', 'coverage', '**/*.cjs'] },
  ...tseslint.configs.recommended,
  {
    // One project service serves all files, so what it is told stands here and not with single files.
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } } },
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 3],
      eqeqeq: ['error', 'always'],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/base/**', 'src/main.ts', 'src/cli/**'],
    rules: {
      'no-restricted-properties': ['error', ...ambient],
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: 'use ctx.clock.sleep or ctx.clock.after' },
        { name: 'setInterval', message: 'use ctx.clock' },
        { name: 'fetch', message: 'use ctx.fetch' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'use ctx.clock.now()' },
      ],
    },
  },
  // A store module is one factory of many short methods.
  { files: ['src/store/**/*.ts'], rules: { 'max-lines-per-function': ['error', { max: 200 }] } },
  { files: ['**/*.d.ts'], rules: { 'no-restricted-exports': 'off' } },
  {
    files: ['spec-tests/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines': ['error', 500], 'max-lines-per-function': 'off', 'max-params': 'off' },
  },
  {
    files: ['eslint.config.js', '*.cjs'],
    rules: { 'no-restricted-exports': 'off' },
  },
)
