FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM node:24-bookworm-slim
# Compiled code is kept for the next start, and for every health check. More than 16 MB for new objects only costs memory.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/data/compile-cache \
    NODE_OPTIONS=--max-semi-space-size=16 \
    MYELIN_DATA_DIR=/data \
    MYELIN_LISTEN_HOST=0.0.0.0
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY migrations migrations
COPY src src
RUN ln -s /app/src/main.ts /usr/local/bin/myelin \
 && mkdir -m 700 /data \
 && chown node:node /data
USER node
VOLUME /data
EXPOSE 8008
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["myelin", "health"]
ENTRYPOINT ["myelin"]
CMD ["start"]
