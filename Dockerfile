FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.txt ./
RUN python -m venv /opt/sre-bot && /opt/sre-bot/bin/pip install --no-cache-dir -r requirements.txt
COPY . .
RUN /opt/sre-bot/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/sre-bot sre-bot
COPY --from=build /opt/sre-bot /opt/sre-bot
ENV PATH=/opt/sre-bot/bin:$PATH SRE_DATA_DIR=/var/lib/sre-bot/data PYTHONUNBUFFERED=1
RUN mkdir -p /var/lib/sre-bot/data && chown sre-bot:sre-bot /var/lib/sre-bot/data
USER 10001:10001
WORKDIR /var/lib/sre-bot
VOLUME /var/lib/sre-bot/data
EXPOSE 8080
CMD ["sre-bot", "web"]
