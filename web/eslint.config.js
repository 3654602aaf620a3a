import js from '@eslint/js';
import globals from 'globals';

export default [
  js.configs.recommended,
  {
    linterOptions: {reportUnusedDisableDirectives: 'error'},
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-implicit-coercion': 'error',
      // Texts that come from a server or a person go in as text.
      'no-restricted-properties': ['error', {property: 'innerHTML'}, {property: 'outerHTML'}, {property: 'insertAdjacentHTML'}],
    },
  },
  {files: ['site/**/*.js'], languageOptions: {globals: globals.browser}},
  {files: ['e2e/**', 'test/**', 'eslint.config.js'], languageOptions: {globals: {...globals.node, ...globals.browser}}},
];
