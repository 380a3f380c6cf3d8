FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
COPY console/package.json console/
COPY clients/typescript/package.json clients/typescript/
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev
# The image holds what the package holds, as that is what the tests start.
RUN mkdir /package && \
  npm pack --ignore-scripts --pack-destination /tmp && \
  tar -xzf /tmp/smartid-integrations-*.tgz --strip-components=1 -C /package && \
  chmod +x /package/dist/src/cli/main.js
# Types and source maps are a third of the dependencies, and nothing reads them at run time; links to workspaces lead nowhere.
RUN find node_modules -type f -regex '.*\.\(map\|d\.[cm]?ts\)' -delete && rm -rf node_modules/@smartid

FROM node:24-slim
# Everything that changes is under /data and /tmp: the rest can be read-only.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /package ./
# What /version tells: --build-arg COMMIT_SHA=$(git rev-parse HEAD). Behind the files, as every commit has another; a RUN between
# the two keeps builders from taking the variable of another commit out of their cache.
ARG COMMIT_SHA=
RUN mkdir /data && chown node:node /data && ln -s /app/dist/src/cli/main.js /usr/local/bin/smartid
ENV COMMIT_SHA=$COMMIT_SHA
USER node
VOLUME /data
EXPOSE 8080
# With TLS_CERT_FILE, give the container a check of its own that trusts the certificate.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["node", "-e", \
  "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1, and takes SIGTERM itself.
CMD ["node", "dist/src/main.js"]
