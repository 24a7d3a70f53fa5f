export * from "./abort-codes.ts";
export * from "./events.ts";
export * from "./functions.ts";
export * as layouts from "./layouts.ts";
export * from "./move-type.ts";
export * as moveValues from "./move-values.ts";
export * from "./type-names.ts";
