# syntax=docker/dockerfile:1
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY console/package.json console/
COPY clients/typescript/package.json ./clients/typescript/
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
# Everything that changes is under /data and /tmp: the rest can be read-only.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
# What /version tells: --build-arg COMMIT_SHA=$(git rev-parse HEAD)
ARG COMMIT_SHA=
ENV COMMIT_SHA=$COMMIT_SHA
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist/src ./dist/src
COPY --from=build /app/dist/gen ./dist/gen
COPY --from=build /app/dist/clients ./dist/clients
COPY --from=build /app/dist/console ./dist/console
COPY --from=build /app/examples/colegio-san-martin ./examples/colegio-san-martin
COPY --from=build /app/clients/typescript/package.json ./clients/typescript/
COPY --from=build /app/clients/typescript/dist ./clients/typescript/dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
# With TLS_CERT_FILE, give the container a check of its own that trusts the certificate.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["node", "-e", \
  "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1, and takes SIGTERM itself.
CMD ["node", "dist/src/main.js"]
