export * from './fields.ts';
export * from './objects.ts';
export * from './methods.ts';
export * from './check.ts';
