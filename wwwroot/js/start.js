// Starts Blazor. WebSockets only and without negotiation, so that the first request already carries the circuit: several
// servers behind a balancer then need no stickiness to begin.
import { watchConnection } from "./connection.js";
import { closeMenus } from "./menus.js";

watchConnection();
closeMenus();
await Blazor.start({
  circuit: {
    configureSignalR: (builder) => builder.withUrl("_blazor", { skipNegotiation: true, transport: 1 }),
    reconnectionOptions: {
      maxRetries: 8,
      retryIntervalMilliseconds: (attempt, max) => (attempt >= max ? null : [0, 500, 1000, 2000, 3000, 5000, 5000, 5000][attempt] ?? 5000),
    },
  },
});
